"""Looking closely at curves: picked metrics, robust range, log x, zoom, reading at a line, values at ends."""

from pathlib import Path

import numpy as np
import pytest
from rich.style import Style

from tests.stores import append_row, live_run, make_run
from tests.ui.apps import LAE, bench_of, opened, press, screen_text
from tests.ui.pane_app import at_every_size, drawn, run_with, showing
from workbench.api.stores import Store
from workbench.ui.canvas.plot import Curve
from workbench.ui.canvas.spans import robust_span, zoomed
from workbench.ui.screens.columns import fuzzy
from workbench.ui.widgets.curve_pane import CurvePane

pytestmark = pytest.mark.usefixtures("strict")


def test_a_few_wild_steps_do_not_own_the_axis(root: Path) -> None:
    values = [[1e6]] * 3 + [[1.0 + 0.01 * (k % 50)] for k in range(400)]
    pane = showing(CurvePane, run_with(root, values))
    robust = drawn(pane, 80, 24)
    assert "1.4" in robust and "1e6" not in robust and "e6" not in robust
    pane.cycle("y_range")
    assert "1e6" in drawn(pane, 80, 24)
    at_every_size(pane)


def test_the_robust_range_keeps_the_newest_value_and_leaves_calm_curves_alone() -> None:
    x = np.arange(200.0)
    calm = Curve(x, np.linspace(3.0, 1.0, 200), Style.null())
    assert robust_span([calm], None, log=False) is None
    wild = np.where(x < 3, 1e9, 1.0 + x / 1000)
    low, high = robust_span([Curve(x, wild, Style.null())], None, log=False) or (0, 0)
    assert low < 1.003 and 1.199 < high < 1.3
    ended = wild.copy()
    ended[-1] = 50.0
    low, high = robust_span([Curve(x, ended, Style.null())], None, log=False) or (0, 0)
    assert high > 50
    low, high = robust_span([Curve(x, wild, Style.null())], None, log=True) or (1, 0)
    assert low < 0.001 and 0.07 < high < 0.1


def test_zoom_narrows_x_around_the_line_and_ends(root: Path) -> None:
    assert zoomed((0.0, 100.0), 4.0, 0.5) == (37.5, 62.5) and zoomed((0.0, 100.0), 2.0, 0.0) == (0.0, 50.0)
    pane = showing(CurvePane, run_with(root, [[float(k)] for k in range(1000)]))
    whole = drawn(pane, 80, 24)
    pane.move_cursor(0.75)
    assert "at step 749" in drawn(pane, 80, 24) and "train 749" in drawn(pane, 80, 24)
    pane.zoom_by(8.0)
    near = drawn(pane, 80, 24)
    assert near != whole and "760" in near and "200" not in near.splitlines()[-1]
    pane.move_cursor(0.9)
    pane.move_cursor(0.9)
    assert "train 9" in drawn(pane, 80, 24)
    at_every_size(pane)
    pane.reset_view()
    assert drawn(pane, 80, 24) == whole


def test_log_x_has_decades_and_skips_step_zero(root: Path) -> None:
    pane = showing(CurvePane, run_with(root, [[1.0 / (1 + k)] for k in range(10_001)]))
    pane.cycle("log_x")
    last = drawn(pane, 90, 24).splitlines()[-1]
    assert all(label in last for label in ("10", "100", "1000")) and "2000" not in last
    pane.move_cursor(1.0)
    assert "at step 10000" in drawn(pane, 90, 24)
    at_every_size(pane)


def test_values_are_at_the_ends_of_the_lines(root: Path) -> None:
    paths = make_run(root, state="running", points=0)
    for step in range(50):
        append_row(paths, step, loss=[10.0 + step])
        append_row(paths, step, "test", loss=[20.0 + step])
    rows = drawn(showing(CurvePane, live_run(root)), 90, 24).splitlines()
    ends = [row.rstrip().split()[-1] for row in rows[2:10]]
    assert "69" in ends and "59" in ends


def test_several_metrics_get_a_plot_each(root: Path) -> None:
    pane = showing(CurvePane, run_with(root, [[1.0], [2.0]] * 20, ("loss", "kl", "mse")))
    pane.pick(("kl", "mse"))
    text = drawn(pane, 100, 24)
    assert "KL" in text and "MSE" in text and "loss" not in text
    at_every_size(pane)
    pane.step_metric(1)
    assert drawn(pane, 100, 24).startswith(("loss", "MSE", "KL")) and pane.picked == ()


@pytest.mark.parametrize(("text", "best"), [("acc", "acceptance"), ("sz", "step_size"), ("LOSS", "loss")])
async def test_metrics_are_picked_by_their_letters(store: Store, text: str, best: str) -> None:
    async with opened(store, "M", "slash", *text, size=(120, 40)) as pilot:
        columns = pilot.app.screen
        assert columns.grid.listed[0] == best  # type: ignore[attr-defined]
        await press(pilot, "enter", "escape", "escape")
        curves = bench_of(pilot).deck.panes[0]
        assert best in (*curves.picked, curves.metric) or (best == "loss" and curves.picked == ())
        assert bench_of(pilot).queue.chosen == LAE and screen_text(pilot.app)


def test_fuzzy_counts_the_letters_between() -> None:
    assert fuzzy("kl", "KL") == 0 and fuzzy("", "x") == 0 and fuzzy("xyz", "x y") is None
    assert (fuzzy("mse", "test_mse") or 0) < (fuzzy("mse", "my_scale_e") or 0)
