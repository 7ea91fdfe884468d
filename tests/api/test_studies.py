"""Queueing a study: only what the store lacks, in an order that runs which start from others can follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores import make_run
from workbench.api.runs import list_runs, spec_of
from workbench.api.stores import Store, open_store
from workbench.api.studies import find_study, forecast_plan, progress, submit_study, usual_budget
from workbench.errors import WorkbenchError
from workbench.spec.resolve import resolve
from workbench.spec.study_plan import plan


@pytest.fixture(autouse=True)
def own_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for studies of one's own, no scheduler, and no downloads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.setenv("WORKBENCH_DOWNLOAD", "false")
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda _: None)


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root)


def write_study(text: str) -> None:
    folder = Path("presets/studies")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.toml").write_text(text)


def test_a_second_submission_queues_nothing_and_a_later_one_only_the_missing_seeds(store: Store) -> None:
    assert len(submit_study(store, "starter", seeds=1).queued) == 4
    again = submit_study(store, "starter", seeds=1)
    assert again.queued == [] and again.before == "4 running"
    more = submit_study(store, "starter")  # three seeds, of which seed 0 is queued
    assert more.before == "4 running, 8 missing"
    assert [spec_of(store, run_id).seeds for run_id in more.queued] == [[1, 2]] * 4
    assert submit_study(store, "starter").queued == []


def test_runs_of_other_commands_count_and_failed_ones_are_not_queued_again(root: Path) -> None:
    for preset, state in (("vae-digits", "finished"), ("lae-digits", "failed"), ("avb-digits", "cancelled")):
        spec = resolve(preset)
        make_run(
            root, f"20261121-000000-{preset}-aaaa", kind=spec.model.kind, state=state, spec=spec, points=2
        )
    store = open_store(root)
    found = progress(store, find_study("starter"))
    assert found.text == "3 done, 3 failed, 6 missing"
    made = submit_study(store, "starter")
    assert sorted(row.preset for row in list_runs(store) if row.id in made.queued) == [
        "avb-digits",
        "lebm-digits",
    ]


def test_two_rows_with_the_same_run_queue_it_once(store: Store) -> None:
    runs = '[[runs]]\npreset = "vae-digits"\nlabel = "{}"\n'
    write_study(runs.format("a") + runs.format("b"))
    assert len(submit_study(store, "own").queued) == 1


def test_a_run_that_starts_from_another_waits_for_it(root: Path, store: Store) -> None:
    write_study(
        'presets = ["vae-digits"]\n[[runs]]\npreset = "clf-digits"\nset = ["model.augment_from=vae-digits"]'
    )
    made = submit_study(store, "own")
    assert len(made.queued) == 1 and made.waiting == {"clf-digits": "vae-digits"}
    assert submit_study(store, "own").queued == []
    make_run(root, "20261121-000000-vae-digits-aaaa", spec=resolve("vae-digits"), points=2)
    made = submit_study(store, "own")
    assert made.waiting == {} and [spec_of(store, i).model.kind for i in made.queued] == ["classifier"]


def test_runs_on_data_or_devices_that_are_not_here_are_left_out_unless_all_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.queue.devices.gpus", lambda: ())
    write_study('presets = ["vae-digits", "lae-svhn-quick", "lae-paper-svhn"]')
    made = submit_study(store, "own")
    assert len(made.queued) == 1 and list(made.unavailable) == ["lae-svhn-quick", "lae-paper-svhn"]
    assert "svhn" in made.unavailable["lae-svhn-quick"] and "GPU" in made.unavailable["lae-paper-svhn"]
    for preset, code in (("lae-svhn-quick", 8), ("lae-paper-svhn", 6)):
        write_study(f'presets = ["{preset}"]')
        with pytest.raises(WorkbenchError) as caught:
            submit_study(store, "own")
        assert caught.value.exit_code == code


def test_the_usual_budget_is_the_one_with_most_runs_and_of_several_the_largest(
    root: Path, store: Store
) -> None:
    write_study(
        'presets = ["vae-digits"]\n[budgets.quick]\nset = ["training.iterations=5"]\n[budgets.paper]\n'
    )
    study = find_study("own")
    assert usual_budget(store, study) == "quick"
    assert usual_budget(store, find_study("starter")) == ""
    make_run(root, "20261121-000000-vae-digits-aaaa", spec=resolve("vae-digits"), points=2)
    assert usual_budget(store, study) == "paper"
    submit_study(store, "own", budget="quick")
    assert usual_budget(store, study) == "paper"


def test_a_plan_has_steps_states_and_a_forecast_from_runs_of_this_machine(root: Path) -> None:
    study = find_study("starter")
    assert {line.state for line in forecast_plan(None, study)} == {"missing"}
    make_run(root, "20261121-000000-vae-digits-aaaa", spec=resolve("vae-digits"), points=2)
    line = forecast_plan(open_store(root), study)[0]
    assert (line.run.steps, line.state) == (1820, "done")
    assert line.document()["seeds"] == {"0": "done", "1": "done", "2": "done"}
    assert plan(study)[0] == line.run
