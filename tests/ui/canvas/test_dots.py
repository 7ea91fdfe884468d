"""Dots in cells: every marker, lines without holes, gaps at NaN, the later layer on top."""

import numpy as np
import pytest
from rich.style import Style

from workbench.ui.canvas.dots import DOTS, SIGNS, Dots, trace
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Marker, Palette

PALETTE = Palette(Style(color="#ffffff", bgcolor="#000000"), Look())
NAN = float("nan")


def picture(dots: Dots) -> list[str]:
    frame = Frame(dots.width, dots.height, PALETTE)
    dots.onto(frame, 0, 0)
    return [strip.text for strip in frame.strips()]


def test_signs_of_the_markers() -> None:
    assert chr(SIGNS["braille"][0b00000001]) == "⠁" and chr(SIGNS["braille"][0b11111111]) == "⣿"
    assert chr(SIGNS["braille"][0b10000000]) == "⢀"  # the lower right dot
    assert "".join(map(chr, SIGNS["quadrant"])) == " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
    assert set(map(chr, SIGNS["ascii"])) == set(" .':*")


def test_a_falling_line_in_every_marker() -> None:
    expected: dict[Marker, list[str]] = {
        "braille": ["⠑⢄  ", "  ⠑⢄"],
        "quadrant": ["▚   ", " ▚  ", "  ▚ ", "   ▚"],
        "ascii": [":   ", " :  ", "  : ", "   :"],
    }
    for marker, rows in expected.items():
        dots = Dots(4, len(rows), marker)
        size = dots.columns - 1.0
        dots.line(np.array([0, size]), np.array([0, dots.rows - 1.0]), 0)
        assert picture(dots) == rows


def test_a_lone_point_is_a_dot_and_nan_is_a_gap() -> None:
    dots = Dots(6, 1, "braille")
    dots.line(np.array([0, 1, 2, 6, 9, 11.0]), np.array([0, 0, NAN, 0, NAN, 0]), 0)
    assert picture(dots) == ["⠉  ⠁ ⠈"]


def test_a_traced_line_has_no_holes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = np.sort(rng.uniform(0, 60, 8)), rng.uniform(0, 40, 8)
        columns, rows = trace(x, y, 61, 41)
        here = set(zip(columns.tolist(), rows.tolist(), strict=True))
        start = (round(x[0]), round(y[0]))
        reached, edge = {start}, [start]
        while edge:
            cx, cy = edge.pop()
            near = {(cx + i, cy + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & here - reached
            reached |= near
            edge += near
        assert reached == here
        assert {(round(a), round(b)) for a, b in zip(x, y, strict=True)} <= here


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf, 1e300, -1e300])
def test_values_that_cannot_be_drawn_stay_inside(value: float) -> None:
    columns, rows = trace(np.array([0, 5, value, 7]), np.array([1, value, 3, 4]), 10, 8)
    assert ((columns >= 0) & (columns < 10) & (rows >= 0) & (rows < 8)).all()


def test_the_later_layer_takes_the_whole_cell() -> None:
    dots = Dots(1, 1, "braille")
    dots.points(np.array([0]), np.array([0]), look=1)
    dots.points(np.array([1]), np.array([3]), look=2)
    assert dots.bits.tolist() == [[0b10000000]]
    assert dots.looks.tolist() == [[2]]


def test_a_band_fills_between_its_edges_and_across_missing_columns() -> None:
    dots = Dots(3, 2, "quadrant")
    dots.band(np.array([0, 5]), np.array([1.0, 1.0]), np.array([2.0, 2.0]), 0)
    assert picture(dots) == ["▄▄▄", "▀▀▀"]
    sparse = Dots(3, 2, "quadrant")
    sparse.band(np.array([0, 5]), np.array([1.0, 1.0]), np.array([2.0, 2.0]), 0, sparse=True)
    assert picture(sparse) == ["▗▗▗", "▘▘▘"]


def test_dashes_leave_gaps_but_never_hide_a_short_piece() -> None:
    solid, dashed = Dots(20, 1, "braille"), Dots(20, 1, "braille")
    for dots, dash in ((solid, 0), (dashed, 2)):
        dots.line(np.array([0, 39.0]), np.array([0, 0.0]), 0, dash)
    assert "".join(picture(dashed)).count(" ") >= 4 > "".join(picture(solid)).count(" ")
    short = Dots(20, 1, "braille")
    short.line(np.array([6.0]), np.array([0.0]), 0, dash=2)
    assert short.bits.any()


@pytest.mark.parametrize("marker", list(DOTS))
@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 3), (3, 0), (1, 1), (240, 60)])
def test_every_size_works(marker: Marker, width: int, height: int) -> None:
    dots = Dots(width, height, marker)
    x = np.linspace(0, max(0, dots.columns - 1), 500)
    dots.line(x, (np.sin(x) + 1) / 2 * max(0, dots.rows - 1), 0)
    dots.band(np.arange(3), np.zeros(3), np.ones(3), 0)
    dots.points(np.array([0, 10**6, -1]), np.array([0, 0, 0]), 0)
    assert [len(row) for row in picture(dots)] == [width] * height
    assert dots.bits.any() == bool(width and height)
