"""Curves on a frame: odd data that other plotting libraries die of, at every size, in every marker."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.style import Style

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Colours, Look, Marker, Palette
from workbench.ui.canvas.plot import Area, Curve, Points, plot

BASE = Style(color="#e0e0e0", bgcolor="#101010")
NAN, INF = float("nan"), float("inf")
Y = NDArray[np.float64]


def with_value(value: float, at: int = 40) -> Y:
    y = np.linspace(1, 2, 100)
    y[at] = value
    return y


ODD: dict[str, Y] = {
    "empty": np.empty(0),
    "one point": np.array([3.0]),
    "constant": np.full(50, 2.0),
    "all zero": np.zeros(50),
    "one NaN": with_value(NAN),
    "first NaN": with_value(NAN, 0),
    "all NaN": np.full(50, NAN),
    "+inf": with_value(INF),
    "-inf": with_value(-INF),
    "1e300 alternating": np.where(np.arange(100) % 2, 1e300, -1e300),
    "largest floats": np.where(np.arange(100) % 2, 1.7e308, -1.7e308),
    "1e-300": np.linspace(1e-300, 2e-300, 50),
    "subnormal": np.linspace(0, 5e-324, 50),
    "1e9 + 1e-3 i": 1e9 + 1e-3 * np.arange(100.0),
    "zero and negative": np.linspace(-5, 5, 100),
    "10k points": np.random.default_rng(0).normal(size=10_000),
    "float32": np.linspace(0, 1, 50, dtype=np.float32).astype(np.float64),
}
SIZES = [(0, 0), (1, 1), (5, 3), (10, 3), (17, 4), (18, 5), (30, 10), (60, 15), (80, 24), (240, 60)]
LOOKS: list[tuple[Marker, Colours]] = [
    ("braille", "truecolor"), ("braille", "none"), ("quadrant", "256"), ("ascii", "16"), ("ascii", "none"),
]  # fmt: skip


def draw(
    width: int, height: int, curves: list[Curve], look: Look | None = None,
    points: list[Points] | None = None, **options: Any,
) -> list[str]:  # fmt: skip
    palette = Palette(BASE, look or Look())
    frame = Frame(width, height, palette)
    plot(frame, palette, Area(0, 0, width, height, **options), curves, points or [])
    strips = frame.strips()
    assert all(segment.style is not None for strip in strips for segment in strip)
    return [strip.text for strip in strips]


def curve_of(y: Y, x: Y | None = None) -> Curve:
    x = np.arange(float(len(y))) if x is None else x
    spread = np.abs(y) * 0.1
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = y - spread, y + spread
    broken = ~np.isfinite(y)
    y = np.where(broken, NAN, y)
    return Curve(x, y, BASE, low=low, high=high, band_style=BASE, raw=y, raw_style=BASE, marks=broken)


@pytest.mark.parametrize("name", list(ODD))
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("marker", "colours"), LOOKS)
def test_odd_data_draw_at_every_size(name: str, log: bool, marker: Marker, colours: Colours) -> None:
    curve = curve_of(ODD[name])
    for width, height in SIZES:
        rows = draw(width, height, [curve], Look(marker, colours), log_y=log)
        assert [len(row) for row in rows] == [width] * height
        assert marker != "ascii" or all(row.isascii() for row in rows)


def lit(rows: list[str]) -> set[str]:
    """The signs inside the axes."""
    return set("".join(row.partition("│")[2] for row in rows[:-2])) - {" "}


@pytest.mark.parametrize("name", sorted(set(ODD) - {"empty", "all NaN"}))
def test_what_can_be_drawn_is_drawn(name: str) -> None:
    y = ODD[name]
    assert lit(draw(60, 15, [Curve(np.arange(float(len(y))), np.where(np.isfinite(y), y, NAN), BASE)]))


@pytest.mark.parametrize("name", ["empty", "all NaN"])
def test_nothing_to_draw_leaves_blank_axes(name: str) -> None:
    rows = draw(60, 15, [curve_of(ODD[name])])
    assert not lit(rows)
    assert "└" in rows[-2]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_missing_value_leaves_a_gap_and_a_mark_on_the_axis(value: float) -> None:
    y = np.array([1, 1, 1, value, 1, 1, 1.0])
    rows = draw(60, 15, [curve_of(y)])
    assert rows[-2].count("×") == 1
    inside = rows[-2].index("×")
    assert all(row[inside] == " " for row in rows[:-2])
    whole = draw(60, 15, [curve_of(np.ones(7))])
    assert "×" not in "".join(whole)


def test_unequal_lengths_are_cut_to_the_shorter() -> None:
    assert lit(draw(60, 15, [Curve(np.arange(10.0), np.arange(4.0), BASE)]))


def test_positions_that_are_missing_or_unordered_are_dealt_with() -> None:
    x = np.array([3, NAN, 1, 2, INF])
    assert lit(draw(60, 15, [Curve(x, np.arange(5.0), BASE)]))


def test_log_axis_skips_what_has_no_logarithm() -> None:
    y = np.array([-1, 0, 10, 100, 1000.0])
    rows = draw(60, 15, [Curve(np.arange(5.0), y, BASE)], log_y=True)
    labels = [row.partition("│")[0].strip() for row in rows[:-2]]
    assert [label for label in labels if label] == ["1000", "500", "200", "100", "50", "20", "10"]
    first = min(row.partition("│")[2].find("⣀") for row in rows[:-2] if "⣀" in row)
    assert first > 20  # nothing above the first two points


def test_ticks_stand_on_the_row_of_their_value() -> None:
    rows = draw(60, 15, [Curve(np.array([0, 1.0]), np.array([0, 10.0]), BASE)])
    labels = [row.partition("│")[0].strip() for row in rows]
    assert labels[0] == "10" and labels[12] == "0"
    assert rows[-1].split()[-1] == "step"


def test_a_level_is_drawn_dotted_at_its_height() -> None:
    rows = draw(40, 13, [], y_span=(0.0, 1.0), level=1.0)
    top = rows[0].partition("│")[2]
    assert 0.3 * len(top) < len(top.replace(" ", "")) < 0.9 * len(top)
    assert not lit(rows[1:])


def test_points_as_dots_and_as_letters() -> None:
    xy = np.array([0, 0.5, 1.0, NAN])
    spans: dict[str, Any] = {"x_span": (0.0, 1.0), "y_span": (0.0, 1.0)}
    dots = draw(40, 13, [], points=[Points(xy, xy, BASE)], **spans)
    assert sum(len(row.partition("│")[2].replace(" ", "")) for row in dots[:-2]) == 3
    letters = draw(40, 13, [], points=[Points(xy, xy, BASE, "a")], **spans)
    assert sum(row.count("a") for row in letters) == 3
