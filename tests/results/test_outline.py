"""Long curves in bounded memory: what a picture shows of them is what all their points would show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.stores import append_row, make_run
from workbench.results.outline import MOST, Outline, outlines
from workbench.results.series import reduce
from workbench.store.metrics import MetricsTail


def test_a_thinned_curve_keeps_its_extremes_its_end_and_its_counts() -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(400_000.0)
    values = rng.normal(size=(400_000, 2)).cumsum(0)
    values[123_456] = [1e6, 1e6]  # single points that must stay visible
    values[200_001] = [-1e6, -1e6]
    values[300_000:320_000] = np.nan
    curve = Outline("train", 2)
    for start in range(0, len(steps), 7_000):
        curve.append(steps[start : start + 7_000], values[start : start + 7_000])
        assert len(curve.x) <= 2 * MOST
    mean = values.mean(1)
    assert (curve.total, curve.lost) == (400_000, 20_000)
    assert curve.below == int((mean <= 0).sum())
    assert curve.step == 399_999 and curve.last.tolist() == values[-1].tolist()
    for width in (40, 400):
        thin, whole = reduce(curve.x, curve.y, width), reduce(steps, mean, width)
        assert np.nanmax(thin.y) == 1e6 and np.nanmin(thin.y) == -1e6
        assert abs(len(thin.x) - len(whole.x)) <= 2
        height = np.nanmax(np.abs(np.diff(mean[:100_000]))) * 40  # of a column's neighbourhood
        both = (
            np.interp(steps[:100_000:5_000], whole.x, whole.y),
            np.interp(steps[:100_000:5_000], thin.x, thin.y),
        )
        assert np.abs(both[0] - both[1]).max() < height
    assert np.isnan(curve.y[(curve.x > 301_000) & (curve.x < 319_000)]).all()


def test_curves_are_found_by_split_with_the_names_of_all_metrics(tmp_path: Path) -> None:
    paths = make_run(tmp_path, "run-a", points=1)
    paths.metrics.write_text("")
    append_row(paths, 1, loss=[1.0, None, 3.0], mse=[1.0])
    append_row(paths, 2, "test", loss=[float("nan"), 2, 4])
    append_row(paths, 3, loss=[1.0, 2.0])  # of another number of seeds
    with paths.metrics.open("a") as file:
        file.write("damaged\n[1, 2]\n")
    tail = MetricsTail(paths.metrics)
    (train, test), names = outlines(tail, "loss")
    assert names == ["loss", "mse"] and tail.bad_lines == 2
    assert (train.split, train.x.tolist(), train.y.tolist()) == ("train", [1.0], [2.0])
    assert (test.split, test.y.tolist(), test.lost) == ("test", [3.0], 0)
    assert outlines(MetricsTail(paths.metrics), "kl") == ([], ["loss", "mse"])
