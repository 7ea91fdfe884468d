"""Keys of one packet do what the same keys do when typed slowly, in every field and on every screen."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.apps import opened, press, screen_lines, settled
from tests.ui.terminal import Terminal
from tests.ui.test_terminal import read_until, start
from workbench.api.stores import Store
from workbench.ui.app import WorkbenchApp

NAMED = {
    "/": "slash", ":": "colon", " ": "space", "\r": "enter", "\t": "tab", "\x7f": "backspace",
    "<": "less_than_sign", ".": "full_stop", "=": "equals_sign", "?": "question_mark",
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[Z": "shift+tab",
}  # fmt: skip


async def at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Send keys as the driver does for one packet: all are in the app's queue before the first is handled."""
    for key in keys:
        name = NAMED.get(key, key)
        character = key if len(key) == 1 and key.isprintable() else None
        pilot.app.post_message(Key(name, character))
    await settled(pilot)


def state(pilot: Pilot[Any]) -> list[Any]:
    """Return what the keys may have changed, the queue on the Bench aside."""
    page = pilot.app.screen
    fields = [(field.id, field.value, field.cursor_position) for field in page.query(Input)]
    focused = page.focused.id if page.focused is not None else None
    return [type(page).__name__, focused, *fields, *screen_lines(pilot.app)[1:-2]]


async def test_a_field_takes_backspace_and_letters_in_order(store: Store) -> None:
    async with opened(store, "b", "slash", *"abcdef") as pilot:
        await at_once(pilot, "\x7f", "\x7f", "\x7f", *"123")
        assert pilot.app.screen.query_one("#filter", Input).value == "abc123"


async def test_tab_and_the_next_letter_go_into_the_next_field(store: Store) -> None:
    async with opened(store, "n") as pilot:
        await at_once(pilot, "\r", "j", "\r", *"16", "\r", "\t", "\t", *"seed", "\t", "7")
        page = pilot.app.screen
        assert page.query_one("#grid", Input).value == "seed" and page.query_one("#seeds", Input).value == "7"


async def test_a_screen_opened_by_a_key_takes_the_keys_behind_it(store: Store) -> None:
    async with opened(store) as pilot:
        await at_once(pilot, "b", "/", *"model:vae", "\r", "j")
        page = pilot.app.screen
        assert page.query_one("#filter", Input).value == "model:vae" and page.focused is page.grid  # type: ignore[attr-defined]


async def test_a_paste_keeps_its_place_between_keys(store: Store) -> None:
    async with opened(store, "b") as pilot:
        for event in (Key("slash", "/"), Paste("abc"), Key("backspace", None), Key("x", "x")):
            pilot.app.post_message(event)
        await settled(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "abx"


SCREENS = {"launch": "n", "results": "b"}
KEYS = int(os.environ.get("FUZZ_KEYS", "12"))
SAFE = [*"jkgGvmwz0123./:<=?t", " ", "\r", "\t", "\x7f", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[Z"]


@pytest.mark.parametrize("opening", SCREENS.values(), ids=SCREENS)
async def test_random_keys_at_once_do_what_they_do_slowly(store: Store, opening: str) -> None:
    draw = random.Random(f"keys {opening}")
    keys = [*opening, *draw.choices(SAFE, k=KEYS)]
    named = [NAMED.get(key, key) for key in keys]
    ends = []
    for fast in (False, True):
        async with opened(store, size=(120, 32)) as pilot:
            if fast:
                await at_once(pilot, *keys)
            else:
                for key in named:
                    await press(pilot, key)
            ends.append(state(pilot))
    assert ends[0] == ends[1], keys


def test_bytes_written_at_once_to_a_terminal_arrive_in_order(tmp_path: Path) -> None:
    process, master = start(tmp_path / "runs")
    terminal = Terminal()
    try:
        terminal.write(read_until(master, b"queue is empty").decode("utf-8", "replace"))
        os.write(master, b"b/abcdef\x7f\x7f\x7f123")
        for _ in range(100):
            terminal.write(read_until(master, b"nothing", 0.3).decode("utf-8", "replace"))
            if "abc123" in terminal.text():
                break
        assert "abc123" in terminal.text()
    finally:
        process.kill()
        os.close(master)


async def test_an_error_in_a_key_ends_the_app_as_any_other(store: Store) -> None:
    class Broken(WorkbenchApp):
        async def _check_bindings(self, key: str, priority: bool = False) -> bool:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        async with Broken(store).run_test() as pilot:
            await pilot.press("x")
            await pilot.pause(0.1)
