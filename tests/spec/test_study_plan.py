"""Runs and budgets of a study's file: what is run, under which label, for how long, and faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.api.studies import wanted
from workbench.errors import WorkbenchError
from workbench.spec import speeds
from workbench.spec.length import updates
from workbench.spec.presets import built_in_folder
from workbench.spec.resolve import resolve
from workbench.spec.studies import Study, find_study, list_studies, load_study
from workbench.spec.study_plan import plan
from workbench.spec.study_runs import BUDGETS

TEXT = """
presets = ["vae-digits"]
seeds = 3
[[runs]]
preset = "lae-digits"
label = "LAE T"
set = ["training.lr=0.5", "training.iterations=7"]
grid = ["model.transitions=2,4"]
seeds = [5]
[[runs]]
preset = "avb-digits"
row = false
[budgets.paper]
[budgets.quick]
seeds = 1
set = ["training.iterations=10"]
runs = { "LAE T" = ["training.iterations=20"] }
"""


def study_of(tmp_path: Path, text: str = TEXT) -> Study:
    path = tmp_path / "s.toml"
    path.write_text(text)
    return load_study(path)


def test_a_plan_has_every_run_with_its_label_changes_and_seeds(tmp_path: Path) -> None:
    runs = plan(study_of(tmp_path))
    assert [run.label for run in runs] == [
        "vae-digits",
        "LAE T transitions=2",
        "LAE T transitions=4",
        "avb-digits",
    ]
    assert [run.spec.seeds for run in runs] == [[0, 1, 2], [5], [5], [0, 1, 2]]
    assert [run.steps for run in runs] == [1820, 7, 7, 1000]
    assert [run.row for run in runs] == [True, True, True, False]
    assert {run.spec.training.lr for run in runs[1:3]} == {0.5}


def test_a_budget_changes_all_runs_then_those_it_names_and_the_last_change_counts(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert list(study.budgets) == ["quick", "paper"]  # cheapest first
    runs = plan(study, "quick")
    assert [run.steps for run in runs] == [10, 20, 20, 10]
    assert runs[1].changes == ("training.lr=0.5", "training.iterations=20")
    assert [run.spec.seeds for run in runs] == [[0], [5], [5], [0]]  # a run's own seeds win
    hashes = [run.spec.group_hash() for run in plan(study, "paper")]
    assert hashes == [run.spec.group_hash() for run in plan(study)]
    with pytest.raises(WorkbenchError, match=r"has no budget 'quik'\. Did you mean 'quick'"):
        plan(study, "quik")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs = 3", ":1: runs: must be sections"),
        ("[[runs]]\nlabel = 'x'", "names no preset"),
        ("[[runs]]\npreset = 'a'\nsets = []", "unknown key 'sets', did you mean 'set'"),
        ("[[runs]]\npreset = 'a'\nset = 'b'", "must be a list of names"),
        ("[[runs]]\npreset = 'a'\nrow = 'no'", "runs.row: must be true or false"),
        ("[[runs]]\npreset = 'a'\nseeds = 0", "runs.seeds: The number of seeds"),
        ("presets = ['a']\n[budgets.quik]", "unknown key 'quik', did you mean 'quick'"),
        ("presets = ['a']\n[budgets.quick]\nset = 3", ":3: set: must be a list"),
        ("presets = ['a']\n[budgets.quick]\nruns = { b = ['x=1'] }", "unknown key 'b', known: a"),
        ("presets = ['a']\nnotes = 'x'", ":2: notes: must be a list"),
    ],
)
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(WorkbenchError, match=message):
        study_of(tmp_path, text)


def test_the_length_of_a_run_is_known_before_its_data_are_loaded() -> None:
    # 50,000 of 60,000 examples are left for training: ceil(100 · 50,000 / 512)
    assert updates(resolve("lae-course-mnist")) == 9766
    assert updates(resolve("vae-digits")) == 1820
    assert updates(resolve("vae-mnist", ["data.name=own", "data.path=own.npy"])) == 0


def test_a_forecast_follows_from_the_updates_and_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    run = plan(find_study("starter"))[0]  # 1820 updates of three seeds
    monkeypatch.setitem(speeds.UPDATES_PER_SECOND, speeds.shape(run.spec), 100.0)
    assert speeds.seconds(run) == pytest.approx(54.6)
    other = replace(run, spec=resolve("vae-digits", ["model.latent=9"]))
    assert speeds.shape(other.spec) != speeds.shape(run.spec) and speeds.seconds(other) is None


SHIPPED = [study for study in list_studies() if study.path.parent.parent == built_in_folder()]
AT_A_BUDGET = [(study, budget) for study in SHIPPED for budget in ("", *study.budgets)]


@pytest.mark.parametrize(("study", "budget"), AT_A_BUDGET, ids=lambda item: getattr(item, "name", item))
def test_every_shipped_study_resolves_at_every_budget(study: Study, budget: str) -> None:
    runs = plan(study, budget)
    assert study.error == "" and all(run.steps > 0 for run in runs)
    # measured by benchmarks/study_speeds.py; own files and plug-ins have no forecast
    assert all((speeds.seconds(run) or 0) > 0 for run in runs)
    labels = [run.label for run in runs]
    assert len(set(labels)) == len(labels)
    # a run that starts from another one finds it in the study
    assert {run.source for run in runs} <= {"", *(run.preset for run in runs)}


@pytest.mark.parametrize("study", SHIPPED, ids=lambda study: study.name)
def test_published_values_of_a_shipped_study_belong_to_one_of_its_rows(study: Study) -> None:
    budgets = tuple(study.budgets)
    assert budgets in ((), BUDGETS)
    for budget in budgets or ("",):
        rows = [wanted(run) for run in plan(study, budget) if run.row]
        for value in study.published.values:
            assert any(value.belongs(one.preset, one.settings, one.label) for one in rows), (value, budget)
