"""Tables drawn line by line: whole columns, and a cursor that shows the focus without colours."""

import pytest
from textual.app import App, ComposeResult

from tests.ui.apps import StillApp, opened, press, screen_lines, screen_text
from workbench.api.stores import Store
from workbench.ui.canvas.palette import Look
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn


class Numbers(Grid):
    """Three columns of numbers under their names."""

    def cells(self, row: int) -> list[GridCell]:
        return [GridCell(f"{row}.{k}2345678") for k in range(3)]


class GridApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Numbers()

    def on_mount(self) -> None:
        grid = self.query_one(Numbers)
        grid.reshape([GridColumn(f"c{k}", (f"column {k}",), 10) for k in range(3)], 5)


@pytest.mark.parametrize("width", range(5, 44))
async def test_a_column_is_shown_whole_or_not_at_all(width: int) -> None:
    async with GridApp().run_test(size=(width, 8)) as pilot:
        await pilot.pause()
        heading, first = screen_lines(pilot.app)[:2]
        words = first[3:].split()
        if width >= 13:  # room for a column
            assert words == [f"0.{k}2345678" for k in range(len(words))] and words
            assert ("›" in heading) == (len(words) < 3)
        else:
            assert first[3:].strip() in ("", "…") or first.rstrip().endswith("…")


async def test_the_cursor_stays_in_sight_when_columns_are_scrolled() -> None:
    async with GridApp().run_test(size=(24, 8)) as pilot:
        grid = pilot.app.query_one(Numbers)
        for column, shown in ((0, ["0.02345678"]), (2, ["0.22345678"]), (1, ["0.12345678"])):
            grid.choose_column(column)
            await pilot.pause()
            first = screen_lines(pilot.app)[1]
            assert first[0] in "▸▹" and first[3:].split() == shown
        assert grid.columns[grid.column].key == "c1"


@pytest.mark.parametrize("look", [Look("ascii", "none"), Look("braille", "16")])
async def test_focus_and_cursor_are_seen_without_colours(
    store: Store, monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    monkeypatch.setattr(StillApp, "look", look)
    async with opened(store, ascii_only=look.marker == "ascii", size=(100, 32)) as pilot:
        assert pilot.app.has_class("-plain")
        queue = pilot.app.screen.query_one("#queue")
        assert queue.get_component_rich_style("grid--cursor").reverse
        focused, unfocused, corner = (">", "-", "+=") if look.marker == "ascii" else ("▸", "▹", "╔═")
        assert screen_lines(pilot.app)[1].startswith(focused)
        await pilot.press("1")
        await pilot.pause()
        assert screen_lines(pilot.app)[1].startswith(unfocused) and corner in screen_text(pilot.app)
        await press(pilot, "n")
        presets = pilot.app.screen.query_one("#presets")
        assert presets.get_component_rich_style("grid--cursor").reverse
        firsts = [line[at] for line in screen_lines(pilot.app) for at in (0, presets.region.right + 1)]
        assert focused in firsts and unfocused in firsts
