"""Rows with seeds that diverged, stopped early or ran again, and numbers that only a curve has."""

from __future__ import annotations

import pytest

from tests.results.test_compare import Bench, bench, edit, noted
from tests.stores import append_row

__all__ = ["bench"]


@pytest.mark.parametrize("how", ["diverged", "stopped"])
def test_a_row_with_a_seed_cut_short_is_marked_and_never_best(bench: Bench, how: str) -> None:
    """The other seeds of it are a selection; and one that patience stopped trained for less than asked."""
    paths = bench.run("vae", test_mse=(0.1, 0.11, 0.12), best_step=(200.0, 600.0, 1000.0))
    for kind, mean in (("lae", 0.5), ("avb", 0.6)):
        bench.run(kind, test_mse=(mean, mean + 0.01, mean + 0.02))
    if how == "diverged":
        edit(paths, diverged={"1": 340})
    else:  # patience 3, a point every 50 of 1820 updates: seed 2 has waited for two points alone
        text = (
            paths.spec.read_text().replace("patience = 0", "patience = 3").replace("every = 0", "every = 50")
        )
        assert "patience = 3" in text and "every = 50" in text
        paths.spec.write_text(text)
        edit(paths, step=1100)
    table = bench.table(["test_mse"])
    first, second, _ = table.column("test_mse")
    assert first.text.endswith("†") and not first.best and second.best
    assert noted(table, "the row is never marked as best")
    if how == "stopped":
        assert noted(table, "stopped early; seed 0 keeps step 200, seed 1 keeps step 600.")


def test_a_metric_that_is_a_curve_alone_is_the_last_point_of_it(bench: Bench) -> None:
    paths = bench.run("vae", test_mse=(0.1, 0.2, 0.3))
    append_row(paths, 1820, "train", nelbo=[1.0, 2.0, 3.0], kl=[4.0, 5.0, 6.0])
    append_row(paths, 1820, "test", nelbo=[7.0, 8.0, 9.0])
    table = bench.table(["test_mse", "nelbo", "kl"])
    assert [table.column(key)[0].values for key in ("nelbo", "kl")] == [(7.0, 8.0, 9.0), (4.0, 5.0, 6.0)]
    assert table.column("test_mse")[0].values == (0.1, 0.2, 0.3)
    assert noted(table, "NELBO: last point of the test curve") and noted(table, "KL: last point of the train")


def test_a_run_whose_seeds_all_ran_again_is_not_read_but_counted(bench: Bench) -> None:
    """Ten thousand repetitions cost one reading; what they say is that a seed ran more than once."""
    bench.run("vae", test_mse=(0.7, 0.8, 0.9))
    bench.run("vae", test_mse=(0.1, 0.2, 0.3))
    bench.run("vae", seeds=(2, 3), test_mse=(0.4, 0.5))
    bench.made[0].result.write_text("{")  # damaged: a reading would leave a note
    table = bench.table(["test_mse"])
    (cell,) = table.column("test_mse")
    assert cell.values == (0.1, 0.2, 0.4, 0.5) and table.sources == (("run-2", "run-1"),)
    assert noted(table, "seed 0, 1, 2 ran more than once") and not noted(table, "damaged")
