"""Evaluating through a process of its own: refusals beforehand, failures, results read with care."""

import sys
from pathlib import Path

import pytest

from tests.stores import make_run, record_evaluation
from workbench.api.evaluations import estimates, evaluate, list_evaluations
from workbench.api.runs import list_runs
from workbench.api.stores import Store, open_store
from workbench.api.tables import comparison
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.store.files import write_json

VAE = "20261121-100000-vae-digits-aaaa"
AVB = "20261121-100001-avb-digits-bbbb"

WORKER = """
import json, sys
from pathlib import Path
folder, metric, settings, name = sys.argv[1:]
print("working", file=sys.stderr)
if json.loads(settings).get("chains") == 13:
    print("error: thirteen is unlucky", file=sys.stderr)
    sys.exit(78)
Path(folder, "evaluations").mkdir(exist_ok=True)
Path(folder, "evaluations", name + ".json").write_text(json.dumps({
    "schema": 1, "metric": metric, "settings": json.loads(settings), "seeds": [0, 1, 2], "step": 9,
    "metrics": {metric: {"values": [-90.0, -91.0, None], "se": [0.5, 0.6, None], "n": 500}},
}))
"""
FAKE = (sys.executable, "-c", WORKER)


@pytest.fixture
def store(root: Path) -> Store:
    for name, kind in ((VAE, "vae"), (AVB, "avb")):
        checkpoints = make_run(root, name, kind=kind).checkpoints
        checkpoints.mkdir()
        write_json(checkpoints / "9.json", {})
    return open_store(root)


def test_an_evaluation_is_written_and_read_back(store: Store) -> None:
    heard: list[str] = []
    found = evaluate(store, "aaaa", "ais", ["chains=16"], on_line=heard.append, worker=FAKE)
    assert found.metrics["ais"].values == (-90.0, -91.0, None) and found.settings == {"chains": 16}
    assert heard == ["working"]
    evaluate(store, "aaaa", "ais", ["chains=3"], name="ais-3", worker=FAKE)
    assert [one.name for one in list_evaluations(store, "aaaa")] == ["ais", "ais-3"]
    assert list_evaluations(store, "bbbb") == []


def test_a_failure_is_its_last_line(store: Store) -> None:
    heard: list[str] = []
    with pytest.raises(WorkbenchError, match=r"^thirteen is unlucky$") as caught:
        evaluate(store, "aaaa", "ais", ["chains=13"], on_line=heard.append, worker=FAKE)
    assert caught.value.exit_code == USAGE and heard == ["working"]


@pytest.mark.parametrize(
    ("metric", "sets", "said", "code"),
    [
        ("iwea", [], "Did you mean 'iwae'", NOT_FOUND),
        ("ais", ["chain=3"], "--set chain=3: chain: unknown key, did you mean 'chains'", USAGE),
        ("ais", ["chains=many"], "must be a whole number, got 'many'", USAGE),
        ("ais", ["chains=0"], "must be at least 1", USAGE),
        ("ais", ["base=poster"], "must be one of proposal, full, prior", USAGE),
        ("ais", ["model.latent=3"], "not of the form key=value", USAGE),
        ("ais", ["chains"], "not of the form", USAGE),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    store: Store, metric: str, sets: list[str], said: str, code: int
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        evaluate(store, "aaaa", metric, sets, worker=("/nowhere",))
    assert said in str(caught.value) and caught.value.exit_code == code


def test_a_setting_can_be_returned_to_its_default(store: Store) -> None:
    assert evaluate(store, "aaaa", "ais", ["chains=4", "chains="], worker=FAKE).settings == {}


def test_runs_that_cannot_be_evaluated(store: Store) -> None:
    make_run(store.root, "live", state="running")
    make_run(store.root, "bare", state="finished")
    for run, said in (("live", "is running"), ("bare", "no checkpoint"), ("none", "no run")):
        with pytest.raises(WorkbenchError, match=said):
            evaluate(store, run, "ais", worker=FAKE)
    with pytest.raises(WorkbenchError, match="letters, digits"):
        evaluate(store, "aaaa", "ais", name="../result", worker=FAKE)


@pytest.mark.parametrize(
    "changes", [{"schema": 2}, {"metric": 3}, *({"seeds": s} for s in ([], ["0"], None))]
)
def test_damaged_files_are_left_out(store: Store, changes: dict[str, object]) -> None:
    record_evaluation(store.run(VAE), **changes)
    (store.run(VAE).evaluations / "torn.json").write_text('{"schema": 1, "met')
    assert list_evaluations(store, VAE) == []


@pytest.mark.parametrize("entry", [3, {}, {"values": [1.0]}, {"values": "abc", "n": "x"}, None])
def test_damaged_entries_are_left_out(store: Store, entry: object) -> None:
    record_evaluation(
        store.run(VAE), metrics={"ais": entry, "good": {"values": [1, "x", 1e999], "n": "many"}}
    )
    (found,) = list_evaluations(store, VAE)
    assert set(found.metrics) == {"good"} and found.metrics["good"].values == (1.0, None, None)


def test_a_table_has_evaluations_where_asked_and_ranks_those_made_alike(store: Store) -> None:
    rows, worse = list_runs(store), {"ais": {"values": [-95.0, -96.0, -97.0], "n": 500}}
    record_evaluation(store.run(VAE))
    record_evaluation(store.run(AVB), metrics=worse)
    cells = comparison(store, rows, ["ais"]).column("ais")
    assert sorted(cell.mean for cell in cells if cell.mean is not None) == [-96.0, -91.0]
    assert any(cell.best for cell in cells)
    assert "ais" not in {column.key for column in comparison(store, rows).columns}
    record_evaluation(store.run(AVB), settings={"chains": 2}, metrics=worse)
    assert not any(cell.p is not None for cell in comparison(store, rows, ["ais"]).column("ais"))


def test_the_newest_of_two_evaluations_counts(store: Store) -> None:
    record_evaluation(store.run(VAE), "old", finished=1.0)
    record_evaluation(store.run(VAE), "new", finished=2.0, metrics={"ais": {"values": [-80.0] * 3, "n": 9}})
    cells = comparison(store, [r for r in list_runs(store) if r.id == VAE], ["ais"]).column("ais")
    assert cells[0].mean == -80.0


def test_every_estimate_says_what_it_is() -> None:
    for name, kind in estimates().items():
        assert 20 < len(kind.about) < 110, name
        assert all(item.description for item in kind.model_fields.values())
