"""Updates without what the terminal shows already: after each one the terminal shows what Textual meant."""

import random
from typing import Any

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tests.ui.terminal import Terminal
from workbench.ui.thin import BRIDGE, Cell, Shown, ThinUpdate, cells_of

CONSOLE = Console(color_system="truecolor", force_terminal=True)
WIDTH, HEIGHT = 40, 6
STYLES = [Style.null(), Style(color="#ff0000"), Style(bold=True, bgcolor="#101010"), Style(reverse=True)]
TEXT = [*"abc   ", "━", "⣿", "数", "e\u0301", "🙂"]


def strip_of(draw: random.Random, width: int) -> Strip:
    segments, cells = [], 0
    while cells < width:
        text = draw.choice(TEXT)
        segment = Segment(text, draw.choice(STYLES))
        if cells + segment.cell_length <= width:
            segments.append(segment)
            cells += segment.cell_length
    return Strip(segments, width)


def wanted(rows: list[list[Strip]]) -> dict[tuple[int, int], Cell]:
    found: dict[tuple[int, int], Cell] = {}
    for y, strips in enumerate(rows):
        cells = [cell for strip in strips for cell in cells_of(strip, CONSOLE._color_system)]  # type: ignore[arg-type]
        found |= {(y, x): cell for x, cell in enumerate(cells)}
    return found


@pytest.mark.parametrize("seed", range(8))
def test_random_updates_leave_the_terminal_as_whole_repaints_do(seed: int) -> None:
    draw, terminal, shown = random.Random(seed), Terminal(), Shown()
    rows = [[strip_of(draw, 15), strip_of(draw, WIDTH - 15)] for _ in range(HEIGHT)]
    whole: Any = LayoutUpdate(rows, Region(0, 0, WIDTH, HEIGHT))  # type: ignore[arg-type]
    terminal.write(ThinUpdate(whole, shown).render_segments(CONSOLE))
    assert terminal.cells == wanted(rows)
    for _ in range(30):
        y, part = draw.randrange(HEIGHT), draw.randrange(2)
        rows[y][part] = strip_of(draw, (15, WIDTH - 15)[part])
        if draw.random() < 0.5:
            chops = [{0: a if k == y else None, 15: b if k == y else None} for k, (a, b) in enumerate(rows)]
            update: Any = ChopsUpdate(chops, [(y, 0, WIDTH)], [[15, WIDTH]] * HEIGHT)
        else:
            update = LayoutUpdate(rows, Region(0, 0, WIDTH, HEIGHT))  # type: ignore[arg-type]
        terminal.write(ThinUpdate(update, shown).render_segments(CONSOLE))
        assert terminal.cells == wanted(rows)


def test_what_is_shown_already_is_not_written_again() -> None:
    shown, strips = Shown(), [[Strip([Segment("a" * WIDTH, STYLES[1])])] for _ in range(HEIGHT)]
    update = LayoutUpdate(strips, Region(0, 0, WIDTH, HEIGHT))  # type: ignore[arg-type]
    assert ThinUpdate(update, shown).render_segments(CONSOLE)
    assert ThinUpdate(update, shown).render_segments(CONSOLE) == ""
    shown.forget()
    assert ThinUpdate(update, shown).render_segments(CONSOLE)


def test_near_changes_are_written_together_and_far_ones_apart() -> None:
    shown = Shown()
    plain: list[Cell] = [("a", "")] * 40
    assert list(shown.put(0, 0, plain)) == [(0, plain)]
    near, far = list(plain), list(plain)
    near[3] = near[3 + BRIDGE] = ("b", "")
    assert [(x, len(run)) for x, run in shown.put(0, 0, near)] == [(3, BRIDGE + 1)]
    list(shown.put(0, 0, plain))
    far[0] = far[39] = ("b", "")
    assert [(x, len(run)) for x, run in shown.put(0, 0, far)] == [(0, 1), (39, 1)]
