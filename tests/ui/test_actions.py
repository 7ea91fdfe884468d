"""The one table of actions: every key has a method and one meaning; footer and help are made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.ui.actions import ACTIONS, EVERYWHERE, actions_of, bindings, footer
from workbench.ui.app import WorkbenchApp
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.compare import CompareScreen
from workbench.ui.screens.help import HelpScreen, help_text, key_map
from workbench.ui.screens.launch import LaunchScreen
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.screens.table import TableScreen
from workbench.ui.widgets.panes import PANES

SCREENS = {
    "bench": BenchScreen,
    "launch": LaunchScreen,
    "results": ResultsScreen,
    "compare": CompareScreen,
    "table": TableScreen,
    "help": HelpScreen,
    EVERYWHERE: WorkbenchApp,
}


@pytest.mark.parametrize("where", SCREENS)
def test_every_action_has_its_method_and_every_method_its_action(where: str) -> None:
    owner = SCREENS[where]
    table = {action.name.partition("(")[0] for action in ACTIONS if where in action.where}
    ours = [cls for cls in owner.__mro__ if cls.__module__.startswith("workbench.")]
    own = {name.removeprefix("action_") for cls in ours for name in vars(cls) if name.startswith("action_")}
    assert table - {"command_palette"} == own - {"command_palette"} - (
        {"back"} if where == "bench" else set()
    )


@pytest.mark.parametrize("where", SCREENS)
def test_no_key_means_two_things_on_one_screen(where: str) -> None:
    keys = [key for action in actions_of(where) for key in action.keys]
    assert len(keys) == len(set(keys))


def test_every_option_in_the_table_is_a_method_of_a_pane() -> None:
    asked = {action.name.split("'")[1] for action in ACTIONS if action.name.startswith("option(")}
    lost = {name for name in asked if not any(callable(getattr(pane, name, None)) for pane in PANES.values())}
    assert len(asked) >= 10 and lost == set()


def test_bindings_hold_every_key_of_the_table() -> None:
    bound = {key for binding in bindings("bench") for key in binding.key.split(",")}
    assert {"s", "n", "p", "r", "x", "R", "plus", "minus", "1", "6", "z", "t", "e", "b"} <= bound


@pytest.mark.parametrize("width", [20, 60, 80, 120, 400])
def test_the_footer_fits_and_never_loses_help_and_quit(width: int) -> None:
    shown = footer("bench", width)
    assert sum(len(f"{action.key} {action.label}  ") for action in shown) <= max(width, 16)
    assert {"help", "leave"} <= {action.name for action in shown}


def test_a_wider_footer_shows_more() -> None:
    counts = [len(footer("bench", width)) for width in (40, 80, 160, 400)]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_the_key_map_in_the_docs_is_that_of_the_table() -> None:
    """To renew it: python -c "from workbench.ui.screens.help import key_map; print(key_map())"."""
    docs = (Path(__file__).parents[2] / "docs" / "screens.md").read_text()
    assert docs.partition("## Key map\n\n")[2].strip() == key_map().strip()


def test_help_names_every_action() -> None:
    from rich.console import Console

    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(help_text("bench"))
    text = captured.get()
    assert all(action.help in text for action in ACTIONS)
