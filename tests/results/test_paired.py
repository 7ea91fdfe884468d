"""Paired differences on the same examples, of made-up values whose difference is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.results.test_compare import Bench, edit
from workbench.api.evaluations import examples_of
from workbench.api.stores import open_store
from workbench.api.tables import paired, paired_runs
from workbench.errors import WorkbenchError
from workbench.results.paired import paired_difference
from workbench.store.examples import Examples, read_examples
from workbench.store.paths import RunPaths

N = 400


def noise(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def examples(values: Any, ids: Any = None) -> Examples:
    count = values.shape[1]
    ids = np.arange(count) if ids is None else ids
    return Examples(values, np.arange(count), np.asarray(ids, np.uint64))


@pytest.mark.check("whole 2", "A paired difference has the standard error of the differences.")
def test_what_both_share_leaves_the_error_of_the_difference() -> None:
    hard = 10 * noise(0, N)  # how hard an example is, for either
    first = examples(np.stack([hard + 1, hard + 1.2]))
    second = examples(np.stack([hard + 0.5 + 0.1 * noise(1, N)]))
    found = paired_difference(first, second)
    each = second.values[0] - first.values.mean(0)
    assert found is not None and found.n == N
    assert found.difference == pytest.approx(each.mean(), abs=1e-12)
    assert found.se == pytest.approx(each.std(ddof=1) / N**0.5, rel=1e-9) and found.se < 0.01
    assert found.seed_se is None  # one seed shows no spread
    both = paired_difference(first, first)
    assert both is not None and (both.difference, both.se) == (0, 0)
    assert both.seed_se == pytest.approx(0.1 * 2**0.5)  # each side: std 0.141 over 2 seeds


def test_only_equal_examples_are_paired_in_any_order() -> None:
    values = noise(2, 1, 6)
    some = [4, 1, 3]
    found = paired_difference(examples(values), examples(values[:, some] + 2, ids=some))
    assert found is not None and (found.n, found.difference) == (3, pytest.approx(2))
    assert paired_difference(examples(values), examples(values, ids=range(10, 16))) is None


def test_a_diverged_seed_is_left_out() -> None:
    values = noise(3, 2, N)
    broken = np.concatenate([values, np.full((1, N), np.nan)])
    found = paired_difference(examples(broken), examples(values + 1))
    assert found is not None and found.difference == pytest.approx(1)
    assert paired_difference(examples(broken[2:]), examples(values)) is None


def write(paths: RunPaths, name: str, values: Any, ids: Any = None) -> None:
    ids = np.arange(values.shape[1], dtype=np.uint64) if ids is None else ids
    arrays = {f"example_{name}": values.astype(np.float32), "example_index": np.arange(len(ids))}
    np.savez(paths.examples, example_id=ids, **arrays)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A store of two runs that agree but for 0.5 nats, and one on other examples."""
    bench = Bench(tmp_path / "runs")
    base = 20 + 5 * noise(4, 1, N)
    for shift, ids in ((0.0, None), (-0.5, None), (0.0, np.arange(N, 2 * N, dtype=np.uint64))):
        values = base + shift + 0.01 * noise(5, 3, N)
        paths = bench.run(test_nelbo=tuple(values.mean(1)))
        edit(paths, seeds=[0, 1, 2])
        write(paths, "test_nelbo", values, ids)
    return bench


def test_the_table_of_differences_and_the_arrays_behind_it(bench: Bench) -> None:
    store = open_store(bench.root)
    ids = [paths.id for paths in bench.made]
    table = paired_runs(store, ids)
    assert [cell.text for cell in table.column("runs")] == [f"{ids[1]} − {ids[0]}"]
    (cell,) = table.column("paired")
    assert cell.mean == pytest.approx(-0.5, abs=1e-6) and cell.se is not None and cell.se < 1e-4
    assert table.column("n")[0].mean == N and table.column("unit")[0].text == "nats per example"
    assert examples_of(store, ids[0])["test_nelbo"].values.shape == (3, N)
    assert "on the same examples" in paired_runs(store, ids[::2]).notes[0]  # none
    (group,) = {len(paired(store, bench.rows()).rows)}  # the three are one group: nothing to compare
    assert group == 0


def test_metrics_narrow_the_table(bench: Bench) -> None:
    store, (first, second, _) = open_store(bench.root), bench.rows()
    rows = [first, replace(second, group="another")]
    assert len(paired(store, rows, ["test-nelbo"]).rows) == len(paired(store, rows).rows) == 1
    assert paired(store, rows, ["test_mse"]).rows == ()
    with pytest.raises(WorkbenchError, match="no metric 'test_nelb'"):
        paired(store, rows, ["test_nelb"])


@pytest.mark.parametrize("damage", ["missing", "garbage", "pickle", "short", "words", "huge"])
def test_damaged_arrays_are_left_out(bench: Bench, damage: str) -> None:
    paths = bench.made[1]
    values, ids = np.zeros((3, N), np.float32), np.arange(N, dtype=np.uint64)
    if damage == "missing":
        paths.examples.unlink()
    elif damage == "garbage":
        paths.examples.write_bytes(b"PK\x03\x04" + b"\0" * 50)
    else:
        changed = {
            "pickle": {"example_test_nelbo": np.array([{"a": 1}], object)},
            "short": {"example_test_nelbo": values[:2]},
            "words": {"example_id": np.array(["x"] * N)},
            "huge": {"example_test_nelbo": np.zeros((3, N + 1), np.float32)},
        }[damage]
        arrays = {"example_test_nelbo": values, "example_id": ids, "example_index": np.arange(N), **changed}
        np.savez(paths.examples, **arrays)
    assert read_examples(paths) == {}
    assert paired_runs(open_store(bench.root), [p.id for p in bench.made[:2]]).rows == ()
