"""Plain pictures of curves: every odd kind of data draws or is refused in one sentence."""

import math
from pathlib import Path

import pytest

from tests.stores import append_row, make_run
from workbench.api.plots import plot_text
from workbench.api.runs import find_run
from workbench.api.stores import Store, open_store
from workbench.errors import WorkbenchError


@pytest.fixture
def store(root: Path) -> Store:
    make_run(root, "run-lae", kind="lae", points=500)
    make_run(root, "run-queued", state="queued")
    return open_store(root)


def write(store: Store, values: list[float | None]) -> None:
    """Replace the run's curve by one of a single seed."""
    run = store.run("run-lae")
    run.metrics.unlink()
    for step, value in enumerate(values, 1):
        append_row(run, step, loss=[value])


def drawn(picture: str) -> int:
    """Cells inside the axes that hold a dot."""
    inside = [line.split("│", 1)[-1] for line in picture.splitlines() if "│" in line or "┤" in line]
    return sum(1 for line in inside for c in line if "\u2800" < c <= "\u28ff" or c == "•")


def test_a_picture_has_both_splits_the_unit_and_the_size_asked_for(store: Store) -> None:
    picture = plot_text(store, "run-lae", "loss", width=70, height=15)
    lines = picture.splitlines()
    assert "loss (nats per example) · lae-digits, mean of 3 seeds" in lines[0]
    assert all(len(line) <= 70 for line in lines)
    assert "train" in picture and "test" in picture and "step" in lines[14]
    assert lines[15].startswith("train: ") and "at step 1180, over 3 seed(s)" in lines[15]
    assert drawn(picture) > 40
    assert drawn(plot_text(store, "run-lae", "loss", width=30, height=10)) > 3  # the smallest
    assert not any(ord(c) < 32 and c != "\n" for c in picture)  # no colours
    plain = plot_text(store, "run-lae", "step_size", ascii=True, log=True)
    assert plain.isascii() and "****" in plain
    assert plot_text(store, "run-lae", "loss", width=70, height=15) == picture  # not changed by another one


ODD: dict[str, list[float | None]] = {
    "one": [1.0],
    "constant": [1.0] * 3,
    "zero": [0.0, 0.0],
    "close": [1e9, 1e9 + 1e-3],
    "tiny": [1e-300, 3e-300],
    "signs": [-5.0, 5.0],
    "first": [None, 1.0, 2.0],
    "middle": [1.0, None, 2.0, 3.0],
    "last": [1.0, 2.0, None],
    "not finite": [1.0, math.inf, -math.inf, math.nan, 2.0],  # as another tool might have written them
    "many": [float(k) for k in range(5000)],
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("log", [False, True])
def test_odd_curves_draw_and_gaps_are_counted(store: Store, name: str, log: bool) -> None:
    values = ODD[name]
    write(store, values)
    if log and name == "zero":
        return
    picture = plot_text(store, "run-lae", "loss", log=log)
    assert "loss" in picture
    gone = sum(v is None or not math.isfinite(v) for v in values)
    assert (f"train: {gone} of {len(values)} points are not finite" in picture) == (gone > 0)


def test_a_log_axis_leaves_out_what_has_no_logarithm(store: Store) -> None:
    write(store, [10.0, 0.0, -1.0, 1.0, 0.1])
    picture = plot_text(store, "run-lae", "loss", log=True)
    assert "train: 2 of 5 points are 0 or below: not on a log axis." in picture


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


def test_runs_are_drawn_over_each_other_named_and_by_one_split(store: Store) -> None:
    make_run(store.root, "run-vae", kind="vae")
    picture = plot_text(store, "run-lae", "loss", others=[find_run(store, "run-vae")])
    assert "lae-digits -lae, train" in picture and "vae-digits -vae, train" in picture
    assert ", test" not in picture and "mean of" not in picture.splitlines()[0]
    with pytest.raises(WorkbenchError, match="no metric 'acceptance'"):
        plot_text(store, "run-lae", "acceptance", others=[find_run(store, "run-vae")])
    with pytest.raises(WorkbenchError, match="at most three"):
        plot_text(store, "run-lae", "loss", others=[find_run(store, "run-vae")] * 3)
