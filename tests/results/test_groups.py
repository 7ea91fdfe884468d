"""Runs of a group as one row: each seed once, the newest result, times added up."""

from tests.stores import row
from workbench.results.groups import members, pooled
from workbench.results.query import sort_rows


def test_members_come_newest_first_and_a_run_without_a_group_is_alone() -> None:
    rows = [row("a", group="g", created=1.0), row("b", created=5.0), row("c", group="g", created=2.0)]
    assert [[r.id for r in group] for group in members(rows)] == [["c", "a"], ["b"]]


def test_a_seed_that_ran_twice_counts_once_with_its_newest_result() -> None:
    results = {"test_mse": (0.1, 0.2, 0.3), "training_seconds": (20.0,) * 3, "score": (1.0, 2.0, 3.0)}
    old = row("a", seeds=(0, 1, 2), started=10.0, ended=30.0, summary=results)
    results = {"test_mse": (0.33, None), "training_seconds": (5.0, 5.0)}
    new = row("b", seeds=(2, 3), started=50.0, ended=55.0, summary=results)
    queued = row("c", seeds=(1, 9), state="queued")
    assert pooled([old]) is old
    found = pooled([queued, new, old])
    assert found.id == "c" and found.seeds == (0, 1, 2, 3, 9)
    assert sorted(found.summary["test_mse"], key=str) == [0.1, 0.2, 0.33, None]
    assert sorted(found.summary["score"]) == [1.0, 2.0]  # seed 2 belongs to the newer run, which lacks it
    assert sorted(found.summary["training_seconds"]) == [5.0, 20.0]  # one a run
    assert [r.id for r in sort_rows([found, row("d", started=1.0, ended=20.0)], "seconds")] == ["d", "c"]
