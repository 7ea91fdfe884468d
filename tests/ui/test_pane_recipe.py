"""The recipe for a new pane in docs/CONTRIBUTING.md: one file and one line make it appear everywhere."""

import pytest
from rich.console import Console

from tests.ui.apps import StillApp, opened, screen_text
from workbench.api.stores import Store
from workbench.ui.actions import bindings, key_map
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.help import help_text
from workbench.ui.widgets.pane_deck import PANES


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_pane_is_one_file_and_one_line(
    store: Store, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setitem(PANES, "example", "tests.ui.example_pane:ExamplePane")
    key, sentence = str(len(PANES)), "Show the number of seeds."

    class Bench(BenchScreen):
        BINDINGS = bindings("bench")  # made again, as at a start with that line

    monkeypatch.setattr(StillApp, "get_default_screen", lambda _: Bench())
    async with opened(store, key, size=size) as pilot:
        assert pilot.app.focused is not None and pilot.app.focused.id == "example"
        assert "3 seeds here" in screen_text(pilot.app) and f"{key} exa" in screen_text(pilot.app)
        commands = pilot.app.get_system_commands(pilot.app.screen)
        assert (f"example ({key})", sentence) in [(command.title, command.help) for command in commands]
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(help_text("bench"))
    assert sentence in captured.get()
    assert f"| `{key}` | example | {sentence} |" in key_map()
