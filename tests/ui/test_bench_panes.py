"""The panes of the Bench: as tabs and side by side, zoomed, and with their options."""

import pytest

from tests.ui.apps import LAE, bench_of, opened
from workbench.api.stores import Store
from workbench.ui.widgets.chrome import TabBar
from workbench.ui.widgets.pane_deck import PANES
from workbench.ui.widgets.run_list import RunList


@pytest.mark.parametrize(("size", "seen"), [((80, 24), 1), ((160, 48), 7), ((200, 50), 7), ((160, 24), 1)])
async def test_panes_are_tabs_where_there_is_no_room(store: Store, size: tuple[int, int], seen: int) -> None:
    async with opened(store, size=size) as pilot:
        assert sum(pane.display for pane in bench_of(pilot).deck.panes) == seen
        assert bench_of(pilot).query_one(TabBar).display == (seen == 1)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_number_keys_and_tab_go_to_the_panes(store: Store, size: tuple[int, int]) -> None:
    async with opened(store, size=size) as pilot:
        for number, name in enumerate(PANES, start=1):
            await pilot.press(str(number))
            assert pilot.app.focused is not None and pilot.app.focused.id == name
            assert bench_of(pilot).query_one(f"#{name}").display
        await pilot.press("tab")  # after the last pane the queue
        assert isinstance(pilot.app.focused, RunList)
        await pilot.press("tab")
        assert pilot.app.focused.id == "curves"
        await pilot.press("shift+tab", "shift+tab")
        assert pilot.app.focused.id == list(PANES)[-1]
        await pilot.press("escape")
        assert isinstance(pilot.app.focused, RunList)


async def test_zoom_gives_one_pane_the_screen_and_puts_it_back(store: Store) -> None:
    async with opened(store, size=(160, 48)) as pilot:
        await pilot.press("3", "z")
        await pilot.pause()
        bench = bench_of(pilot)
        assert [pane.id for pane in bench.deck.panes if pane.display] == ["latents"]
        assert bench.deck.panes[2].size.width > 150 and not bench.queue.display
        await pilot.press("5")
        assert [pane.id for pane in bench.deck.panes if pane.display] == ["log"]
        await pilot.press("z")
        await pilot.pause()
        assert sum(pane.display for pane in bench.deck.panes) == len(PANES) and bench.queue.display


async def test_options_reach_the_panes_that_have_them(store: Store) -> None:
    async with opened(store, size=(160, 48)) as pilot:
        curves, chain, latents, samples, _, config, _ = bench_of(pilot).deck.panes
        await pilot.press("l", "o", "w", "B", "right_square_bracket", "d", "c")
        assert curves.log_y and curves.axis == "epoch" and chain.each_seed
        assert curves.smooth == chain.smooth == "weak"
        assert (latents.member, samples.member) == (1, 1)
        assert config.only_changed
        await pilot.press("left_square_bracket")
        assert (latents.member, samples.member) == (0, 0)
        await pilot.press("m")
        assert curves.metrics()[0] == "acceptance"


async def test_in_the_log_the_arrows_scroll_it(store: Store) -> None:
    (store.root / LAE / "worker.log").write_text("".join(f"line {k}\n" for k in range(500)))
    async with opened(store) as pilot:
        await pilot.press("5", "g")
        await pilot.pause()
        log = bench_of(pilot).deck.panes[4]
        await pilot.press("j", "j", "pagedown")
        await pilot.pause()
        assert log.scroll_offset.y > 2 and bench_of(pilot).queue.chosen == LAE
        await pilot.press("G")
        await pilot.pause()
        assert log.is_vertical_scroll_end
