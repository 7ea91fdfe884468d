"""The recipe for a new pane in docs/CONTRIBUTING.md: one file and one line make it appear everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from textual.screen import Screen

from tests.ui.apps import StillApp, screen_text, settled, starter_store
from workbench.ui.actions import bindings, key_map
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.help import help_text
from workbench.ui.widgets.pane_deck import PANES


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_pane_is_one_file_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setitem(PANES, "example", "tests.ui.example_pane:ExamplePane")
    key, sentence = str(len(PANES)), "Show the number of seeds."

    class Bench(BenchScreen):
        BINDINGS = bindings("bench")  # made again, as at a start with that line

    def bench(app: StillApp) -> Screen[None]:
        return Bench()

    monkeypatch.setattr(StillApp, "get_default_screen", bench)
    app = StillApp(starter_store(tmp_path / "runs"))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await settled(pilot)
        assert app.focused is not None and app.focused.id == "example"
        assert "3 seeds here" in screen_text(app) and f"{key} exa" in screen_text(app)
        commands = {command.title: command.help for command in app.get_system_commands(app.screen)}
        assert commands[f"example ({key})"] == sentence
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(help_text("bench"))
    assert sentence in captured.get()
    assert f"| `{key}` | example | {sentence} |" in key_map()
