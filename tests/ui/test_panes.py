"""The live panes: empty states, odd data, options, hostile text, and little sent to the terminal."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from tests.stores import append_row, live_run, make_run, make_store, only_snapshot
from tests.ui.pane_app import FOUR, at_every_size, drawn, run_with, showing, strips
from workbench.store.files import write_json
from workbench.ui.canvas.palette import Look
from workbench.ui.widgets.curve_pane import CurvePane
from workbench.ui.widgets.model_pane import ModelPane
from workbench.ui.widgets.pane_deck import load_pane
from workbench.ui.widgets.sample_pane import SamplePane
from workbench.ui.widgets.scatter_pane import ScatterPane
from workbench.ui.widgets.values import decay_of

OPTIONS = ("log_y", "smooth", "axis", "band", "each_seed")
DRAWN: dict[str, Callable[[], Any]] = {name: load_pane(name) for name in FOUR}


pytestmark = pytest.mark.usefixtures("strict")


NAN, INF = float("nan"), float("inf")
ODD: dict[str, list[Any]] = {
    "nothing": [],
    "one point": [[1.0]],
    "constant": [[2.0]] * 40,
    "all zero": [[0.0]] * 40,
    "one null": [[1.0]] * 20 + [[None]] + [[2.0]] * 20,
    "first null": [[None]] + [[2.0]] * 20,
    "all null": [[None]] * 40,
    "NaN and infinities": [[NAN], [1.0], [INF], [2.0], [-INF]],
    "1e300 alternating": [[1e300], [-1e300]] * 20,
    "1e-300": [[1e-300 * k] for k in range(40)],
    "1e9 + 1e-3 i": [[1e9 + 1e-3 * k] for k in range(40)],
    "negative": [[-1.0 * k] for k in range(40)],
    "one seed lost": [[1.0, 2.0, 3.0]] * 20 + [[1.0, None, 3.0]] * 20,
    "all seeds lost": [[1.0, 2.0, 3.0]] * 20 + [[None, None, None]] * 20,
    "seeds far apart": [[1e-300, 1.0, 1e300]] * 20,
    "other numbers of seeds": [[1.0], [1.0, 2.0], [], [3.0]],
}


@pytest.mark.parametrize("name", list(ODD))
def test_odd_metrics_draw_in_every_pane_size_and_look(root: Path, name: str) -> None:
    live = run_with(root, ODD[name], ("loss", "acceptance", "step_size", "log_ratio"), kind="lae")
    for kind in (CurvePane, ModelPane):
        pane = showing(kind, live)
        at_every_size(pane)
        for option in OPTIONS:
            pane.cycle(option)
            drawn(pane)
        at_every_size(pane)


ARRAYS: dict[str, dict[str, Any]] = {
    "no examples": {"z": np.zeros((2, 0, 3)), "images": np.zeros((2, 0, 4, 4), np.uint8)},
    "one example": {"z": np.ones((1, 1, 3)), "images": np.full((1, 1, 1, 1), 255, np.uint8)},
    "all equal": {"z": np.ones((2, 50, 8)), "images": np.zeros((2, 5, 3, 7), np.uint8)},
    "NaN": {"z": np.full((2, 50, 8), NAN), "points": np.full((2, 50, 2), NAN)},
    "some infinite": {
        "z": np.where(np.eye(50, 8) > 0, INF, 1.0)[None],
        "points": np.array([[[INF, 1.0], [0, 1]]]),
    },
    "huge": {"z": np.eye(50, 8)[None] * 3e38, "points": np.eye(50, 2)[None] * 3e38},
    "one dimension": {"z": np.arange(50.0).reshape(1, 50, 1), "points": np.arange(50.0).reshape(1, 50, 1)},
    "pictures wider than the pane": {"images": np.full((1, 3, 300, 500), 7, np.uint8)},
    "RGB": {"images": np.random.default_rng(0).integers(0, 256, (2, 9, 32, 32, 3), dtype=np.uint8)},
    "one-hot points": {"points": np.eye(4)[None], "data": np.eye(4)},
}


@pytest.mark.parametrize("name", list(ARRAYS))
def test_odd_snapshots_draw_in_every_pane_size_and_look(root: Path, name: str) -> None:
    paths = make_run(root)
    arrays = {k: v if v.dtype == np.uint8 else v.astype(np.float32) for k, v in ARRAYS[name].items()}
    for folder in (paths.samples, paths.latents):
        only_snapshot(folder, 5, **arrays)
    live = live_run(root)
    for kind in (ScatterPane, SamplePane):
        pane = showing(kind, live)
        at_every_size(pane)
        pane.step_seed(1)
        for by in (-1, 1):
            pane.step_snapshot(by)
            drawn(pane)
        for _ in range(3):
            pane.cycle("scale")
            drawn(pane)
        at_every_size(pane)


@pytest.mark.parametrize("name", list(DRAWN))
def test_empty_states_say_what_to_do_or_what_happens(root: Path, name: str) -> None:
    assert "No run selected" in drawn(showing(DRAWN[name], None))
    paths = make_run(root, kind="lae", state="queued")
    assert "lae-digits is waiting in the queue." in drawn(showing(DRAWN[name], live_run(root)))
    write_json(paths.state, {"state": "running"})
    write_json(paths.progress, {"phase": "loading torch"})
    assert "loading torch…" in drawn(showing(DRAWN[name], live_run(root)))
    write_json(paths.progress, {"phase": "training"})
    assert "yet." in drawn(showing(DRAWN[name], live_run(root)))
    write_json(paths.state, {"state": "failed", "reason": "Out of memory on cuda:0."})
    text = drawn(showing(DRAWN[name], live_run(root)))
    assert "failed" in text and "Out of memory on cuda:0." in text


def test_what_has_no_room_is_left_out_whole(root: Path) -> None:
    """Half a sentence says something else: of "PCA of 8-d z at step 1" only what fits is left."""
    paths = make_run(root)
    z = np.random.default_rng(0).normal(size=(2, 50, 8)).astype(np.float32)
    z[:, 0] = 100
    only_snapshot(paths.latents, 20, z=z)
    pane = showing(ScatterPane, live_run(root))
    for width in range(18, 100):
        first = drawn(pane, width, 12).splitlines()[0]
        assert first.rstrip().endswith("1 outside")
        for part in first.replace("1 outside", "").split("·"):
            words = part.strip().partition(" (")[0].removesuffix(" at step 20")
            assert words in ("", "step 20", "seed 0", "PCA of 8-d z"), first
        assert first.count("(") == first.count(")")
    whole = ["step 20", "seed 0 (1 of 2)", "PCA of 8-d z", "of its variance", "1 outside"]
    assert all(words in first for words in whole)


def test_the_words_about_curves_are_whole_too(root: Path) -> None:
    curves = showing(CurvePane, run_with(root, [[5.0, 6.0, 7.0]] * 30, ("loss",)))
    for width in range(10, 80):
        title, legend = drawn(curves, width, 12).splitlines()[:2]
        assert title.strip() in (
            "loss", "loss, nats per example", "loss · mean of 3 seeds, band min–max",
            "loss, nats per example · mean of 3 seeds, band min–max",
        )  # fmt: skip
        assert legend.strip() in ("", "━━ train 6", "━━ train 6 ± 1"), legend


def test_curves_show_metric_unit_band_and_newest_values(root: Path) -> None:
    paths = make_run(root, state="running", points=0)
    for minute in range(9):
        append_row(paths, 300 * minute, loss=[10.0, 11.0, 12.0])
    append_row(paths, 2400, "test", loss=[20.0, 20.0, 23.0])
    pane = showing(CurvePane, live_run(root))
    title, legend = drawn(pane, 100).splitlines()[:2]
    assert title.startswith("loss, nats per example · mean of 3 seeds, band min–max")
    assert "━━ train 11 ± 1" in legend and "┄┄ test 21 ± 1.7" in legend
    assert drawn(pane).split()[-1] == "step"
    pane.cycle("axis")
    pane.cycle("axis")
    assert drawn(pane).rstrip().endswith("training time") and "6min" in drawn(pane)
    pane.cycle("band")
    assert "band ±std" in drawn(pane)


def test_smoothing_keeps_the_raw_line_behind(root: Path) -> None:
    pane = showing(CurvePane, run_with(root, [[float(k % 2)] for k in range(60)]))
    raw = drawn(pane)
    pane.cycle("smooth")
    smooth = drawn(pane)
    assert smooth != raw and "smoothed, raw behind" in smooth
    inside = [row.partition("│")[2].strip() for row in smooth.splitlines()[2:-2]]
    assert inside[0] and inside[-1]  # the raw line still reaches 0 and 1


def test_log_axis_says_how_much_it_cannot_show(root: Path) -> None:
    pane = showing(CurvePane, run_with(root, [[-1.0], [0.0], [10.0], [1000.0]]))
    pane.cycle("log_y")
    assert "2 values ≤ 0 have no logarithm" in drawn(pane, 120)


def test_lost_seeds_are_counted_and_marked(root: Path) -> None:
    text = drawn(showing(CurvePane, run_with(root, ODD["one seed lost"])))
    assert "× 1 of 3 seeds" in text
    assert text.splitlines()[-2].count("×") == 1


def test_metrics_step_round_with_the_loss_first(root: Path) -> None:
    pane = showing(CurvePane, run_with(root, [[1.0]] * 3, ("kl", "loss", "mse")))
    assert pane.metrics() == ["loss", "kl", "mse"]
    titles = []
    for _ in range(4):
        titles.append(drawn(pane).split(",")[0].split(" · ")[0].splitlines()[0].strip())
        pane.step_metric(1)
    assert titles == ["loss", "KL", "MSE", "loss"]


def test_several_runs_over_each_other(tmp_path: Path) -> None:
    lives = []
    for name in ("a", "b"):
        store = make_store(tmp_path / name)
        make_run(store)
        lives.append((f"run {name}\x1b[2J", live_run(store)))
    pane = CurvePane()
    pane.show_many(lives)
    text = drawn(pane)
    assert "run a" in text and "run b" in text and "test" in text and "\x1b" not in text
    pane.show_many([])
    assert "No run selected" in drawn(pane)


def test_scatter_steps_through_seeds_and_snapshots_in_one_basis(root: Path) -> None:
    paths = make_run(root, state="running")
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    first = rng.normal(size=(3, 60, 5)) + 5 * np.eye(5)[labels]
    only_snapshot(paths.latents, 10, z=first.astype(np.float32), labels=labels)
    np.savez(paths.latents / "20.npz", z=(2 * first).astype(np.float32), labels=labels)
    pane = showing(ScatterPane, live_run(root))
    newest = drawn(pane)
    assert newest.startswith("step 20 · seed 0 (1 of 3) · PCA of 5-d z at step 10")
    assert newest.splitlines()[1].startswith("●0 ●1 ●2")
    pane.step_snapshot(-1)
    assert drawn(pane).startswith("step 10, snapshot 1 of 2")
    pane.step_snapshot(1)
    assert drawn(pane) == newest
    pane.step_seed(1)
    other = drawn(pane)
    assert "seed 1 (2 of 3)" in other and other != newest
    pane.step_seed(-1)
    assert drawn(pane) == newest
    letters = drawn(pane, look=Look("braille", "none"))
    assert {"0", "1", "2"} <= set("".join(letters.splitlines()[3:-2]))


def test_samples_show_real_pictures_above_and_fall_back_to_shades(root: Path) -> None:
    make_run(root)
    pane = showing(SamplePane, live_run(root))
    assert "↑ real   ↓ samples" in drawn(pane) and "▀" in drawn(pane)
    shades = drawn(pane, look=Look("braille", "none"))
    pictures = [row for row in shades.splitlines()[1:] if "real" not in row]
    assert set("".join(pictures)) <= set(" ░▒▓█") and "▓" in shades
    assert drawn(pane, look=Look("ascii", "none")).isascii()


def test_a_white_picture_is_white_and_a_black_one_black(root: Path) -> None:
    paths = make_run(root)
    images = np.zeros((1, 2, 2, 2), np.uint8)
    images[0, 1] = 255
    only_snapshot(paths.samples, 1, images=images)
    pane = showing(SamplePane, live_run(root))
    pane.scale = 1.0
    parts = list(strips(pane, 20, 5)[1])
    colours = [part.style.bgcolor.get_truecolor().hex for part in parts if part.style.bgcolor]
    assert colours[0] == "#000000" and "#ffffff" in colours


def test_a_run_may_be_polled_in_one_thread_while_it_is_drawn_in_another(root: Path) -> None:
    paths = make_run(root, kind="lae", state="running", points=30)
    whole = paths.metrics.read_text()
    live = live_run(root)
    drawings = [showing(kind, live) for kind in DRAWN.values()]
    over, errors = Event(), []

    def poll() -> None:
        try:
            for k in count(1):
                if over.is_set():
                    return
                if k % 7 == 0:  # a resumed run now and then
                    paths.metrics.write_text(whole)
                append_row(paths, 1000 + k, loss=[k] * 3)
                z = np.ones((3, k, 4), np.float32)
                np.savez(paths.latents / f"{k % 12}.npz", z=z, labels=np.arange(k))
                live.poll()
        except Exception as error:
            errors.append(error)

    thread = Thread(target=poll)
    thread.start()
    try:
        for k in range(40):
            for pane in drawings:
                drawn(pane)
                if k % 5 == 0 and hasattr(pane, "step_snapshot"):
                    pane.step_snapshot(-1)
    finally:
        over.set()
        thread.join()
    assert errors == []


def test_a_smoothed_curve_of_few_points_does_not_lag(root: Path) -> None:
    """30 test points that fall from 1000 to 131: a decay of 0.9 a point showed 144 at the end."""
    falling = [[131 + 869 * 0.8**k] for k in range(30)]
    series = run_with(root / "few", falling).series("loss")
    raw = series.mean[-1]
    for strength in ("weak", "strong"):
        decay = decay_of(strength, series)
        assert decay is None or abs(series.ema(decay)[-1] - raw) < 0.02 * raw
    assert abs(series.ema(0.9)[-1] - raw) > 0.05 * raw
    many = run_with(root / "many", [[1.0]] * 3000).series("loss")
    assert decay_of("weak", many) == pytest.approx(1 - 1 / (0.02 * 2048))


def test_compared_runs_are_all_named_and_those_without_the_metric_too(tmp_path: Path) -> None:
    lives = []
    for k in range(8):
        names = ("loss", "kl") if k == 3 else ("loss",)
        lives.append((f"vae-digits with a long name {k}", run_with(tmp_path / f"{k}", [[1.0], [0.5]], names)))
    pane = CurvePane()
    pane.show_many(lives)
    text = drawn(pane, 80, 30)
    assert all(f"long name {k}" in text for k in range(8))
    pane.step_metric(1)
    text = drawn(pane, 80, 30)
    assert "long name 3 train" in text and "without KL: vae-digits" in text


def test_originals_are_above_their_reconstructions(root: Path) -> None:
    paths = make_run(root)
    images = np.zeros((1, 8, 4, 4), np.uint8)
    only_snapshot(paths.samples, 1, images=images, data=images[0])
    light, grey = (np.full((1, 3, 4, 4), value, np.uint8) for value in (255, 128))
    z = np.zeros((1, 5, 2), np.float32)
    only_snapshot(paths.latents, 1, z=z, labels=np.zeros(5, int), originals=light, reconstructions=grey)
    pane = showing(SamplePane, live_run(root))
    assert "↑ originals, reconstructions   ↓ samples" in drawn(pane, 60, 20)
    colours = [
        colour.get_truecolor().hex
        for strip in strips(pane, 60, 20)
        for part in strip
        for colour in (part.style.color, part.style.bgcolor)
        if colour is not None
    ]
    first = [colours.index(hue) for hue in ("#ffffff", "#838383", "#000000")]
    assert first == sorted(first)
    at_every_size(pane)
    only_snapshot(
        paths.latents, 1, z=z, labels=np.zeros(5, int), originals=light, reconstructions=grey[:, :2]
    )
    assert "↑ real   ↓ samples" in drawn(showing(SamplePane, live_run(root)), 60, 20)


def test_a_low_pane_shows_two_rows_of_pictures_rather_than_words(root: Path) -> None:
    make_run(root)
    low = drawn(showing(SamplePane, live_run(root)), 60, 10)
    assert "real" not in low and all("▀" in row or "▄" in row for row in low.splitlines()[2:9])
