"""Plain pictures of curves: every odd kind of data draws or is refused in one sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.stores import make_run, make_store
from workbench.api.plots import plot_text
from workbench.api.runs import find_run
from workbench.api.stores import Store, open_store
from workbench.errors import WorkbenchError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    root = make_store(tmp_path / "runs")
    make_run(root, "run-lae", kind="lae", points=500)
    make_run(root, "run-queued", state="queued")
    return open_store(root)


def write(store: Store, values: list[float | None], metric: str = "loss") -> None:
    """Replace the run's curve by one of a single seed."""
    rows = [
        {"step": k + 1, "epoch": 1.0, "seconds": 1.0, "split": "train", "values": {metric: [v]}}
        for k, v in enumerate(values)
    ]
    store.run("run-lae").metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))


def drawn(picture: str) -> int:
    """Cells inside the axes that hold a dot."""
    inside = [line.split("│", 1)[-1] for line in picture.splitlines() if "│" in line or "┤" in line]
    return sum(1 for line in inside for c in line if "\u2800" < c <= "\u28ff" or c == "•")


def test_a_picture_has_both_splits_the_unit_and_the_size_asked_for(store: Store) -> None:
    picture = plot_text(store, "run-lae", "loss", width=70, height=15)
    lines = picture.splitlines()
    assert "loss (nats per example) · lae-digits, mean of 3 seeds" in lines[0]
    assert all(len(line) <= 70 for line in lines)
    assert "train" in picture
    assert "test" in picture
    assert "step" in lines[14]
    assert lines[15].startswith("train: ")
    assert "at step 1180, over 3 seed(s)" in lines[15]
    assert drawn(picture) > 40


def test_ascii_is_ascii(store: Store) -> None:
    plot_text(store, "run-lae", "step_size", ascii=True, log=True).encode("ascii")
    assert "****" in plot_text(store, "run-lae", "step_size", ascii=True, log=True)


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [1.0, 1.0, 1.0],
        [0.0, 0.0],
        [1e9, 1e9 + 1e-3],
        [1e-300, 3e-300],
        [-5.0, 5.0],
        [None, 1.0, 2.0],
        [1.0, None, 2.0, 3.0],
        [1.0, 2.0, None],
        [float(k) for k in range(5000)],
    ],
    ids=["one", "constant", "zero", "close", "tiny", "signs", "first", "middle", "last", "many"],
)
@pytest.mark.parametrize("log", [False, True])
def test_odd_curves_draw(store: Store, values: list[float | None], log: bool) -> None:
    write(store, values)
    if log and all(v is None or v <= 0 for v in values):
        return
    picture = plot_text(store, "run-lae", "loss", log=log)
    assert "loss" in picture
    gone = values.count(None)
    assert (f"{gone} of {len(values)} points are not finite" in picture) == (gone > 0)


def test_infinity_and_nan_are_gaps_that_are_told(store: Store) -> None:
    write(store, [1.0, math.inf, -math.inf, math.nan, 2.0])  # as another tool might have written them
    assert "train: 3 of 5 points are not finite" in plot_text(store, "run-lae", "loss")


def test_a_log_axis_leaves_out_what_has_no_logarithm(store: Store) -> None:
    write(store, [10.0, 0.0, -1.0, 1.0, 0.1])
    assert "train: 2 of 5 points are 0 or below: not on a log axis." in plot_text(
        store, "run-lae", "loss", log=True
    )


@pytest.mark.parametrize(
    ("values", "log", "words"),
    [([None, None], False, "no finite value"), ([0.0, -1.0], True, "no value above 0")],
)
def test_nothing_to_draw_is_an_error(store: Store, values: list[float | None], log: bool, words: str) -> None:
    write(store, values)
    with pytest.raises(WorkbenchError, match=words):
        plot_text(store, "run-lae", "loss", log=log)


def test_a_misspelt_metric_lists_those_there_are(store: Store) -> None:
    with pytest.raises(WorkbenchError) as caught:
        plot_text(store, "run-lae", "lost")
    assert str(caught.value) == (
        "Run run-lae has no metric 'lost'. Did you mean 'loss'? It has loss, acceptance, step_size."
    )
    assert caught.value.exit_code == 3


def test_a_run_without_curves_and_a_misspelt_run(store: Store) -> None:
    with pytest.raises(WorkbenchError, match=r"run-queued has no curves yet\. It is queued"):
        plot_text(store, "run-queued", "loss")
    with pytest.raises(WorkbenchError, match="Did you mean 'run-lae'"):
        plot_text(store, "run-lea", "loss")


@pytest.mark.parametrize(("width", "height"), [(0, 20), (80, 0), (29, 20), (80, 9), (10**6, 20)])
def test_impossible_sizes(store: Store, width: int, height: int) -> None:
    with pytest.raises(WorkbenchError, match=r"Invalid \w+ \d+: must be between"):
        plot_text(store, "run-lae", "loss", width=width, height=height)


def test_the_smallest_size_still_draws(store: Store) -> None:
    picture = plot_text(store, "run-lae", "loss", width=30, height=10)
    assert drawn(picture) > 3


def test_two_pictures_do_not_leak_into_each_other(store: Store) -> None:
    first = plot_text(store, "run-lae", "loss")
    plot_text(store, "run-lae", "step_size", log=True)
    assert plot_text(store, "run-lae", "loss") == first


def test_runs_are_drawn_over_each_other_named_and_by_one_split(store: Store) -> None:
    make_run(store.root, "run-vae", kind="vae")
    picture = plot_text(store, "run-lae", "loss", others=[find_run(store, "run-vae")])
    assert "lae-digits -lae, train" in picture and "vae-digits -vae, train" in picture
    assert ", test" not in picture and "mean of" not in picture.splitlines()[0]
    with pytest.raises(WorkbenchError, match="no metric 'acceptance'"):
        plot_text(store, "run-lae", "acceptance", others=[find_run(store, "run-vae")])
    with pytest.raises(WorkbenchError, match="at most three"):
        plot_text(store, "run-lae", "loss", others=[find_run(store, "run-vae")] * 3)
