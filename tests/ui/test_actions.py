"""The one table of actions: every key has a method and one meaning; footer and help are made from it."""

import pytest
from rich.console import Console

from workbench.ui.actions import EVERYWHERE, PAGE, PLACES, actions_of, with_key_map
from workbench.ui.app import WorkbenchApp
from workbench.ui.keys import footer, shown_key
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.columns import ColumnsScreen
from workbench.ui.screens.compare import CompareScreen
from workbench.ui.screens.help import HelpScreen, help_text
from workbench.ui.screens.launch import LaunchScreen
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.screens.run import RunScreen
from workbench.ui.screens.studies import StudiesScreen
from workbench.ui.screens.table import TableScreen
from workbench.ui.screens.trash import TrashScreen
from workbench.ui.widgets.pane_deck import PANES, load_pane

SCREENS = {
    "bench": BenchScreen,
    "launch": LaunchScreen,
    "results": ResultsScreen,
    "compare": CompareScreen,
    "table": TableScreen,
    "trash": TrashScreen,
    "columns": ColumnsScreen,
    "run": RunScreen,
    "studies": StudiesScreen,
    "help": HelpScreen,
    EVERYWHERE: WorkbenchApp,
}


@pytest.mark.parametrize("where", SCREENS)
def test_every_action_has_its_method_and_every_method_its_action(where: str) -> None:
    owner = SCREENS[where]
    table = {action.name.partition("(")[0] for action in actions_of(where, alone=True)}
    ours = [cls for cls in owner.__mro__ if cls.__module__.startswith("workbench.")]
    own = {name.removeprefix("action_") for cls in ours for name in vars(cls) if name.startswith("action_")}
    assert table - {"command_palette"} == own - ({"back", "open", "undo"} - table)  # of every page


@pytest.mark.parametrize("where", SCREENS)
def test_no_key_means_two_things_on_one_screen(where: str) -> None:
    keys = [key for action in actions_of(where) for key in action.keys]
    assert len(keys) == len(set(keys))


def test_every_option_in_the_table_is_one_of_a_pane() -> None:
    panes = [load_pane(name) for name in PANES]
    options = [action.name.split("'")[1::2] for action in actions_of("bench") if "option(" in action.name]
    methods = {option[0] for option in options}
    assert methods == {method for method in methods if any(hasattr(pane, method) for pane in panes)}
    cycled = {option[1] for option in options if option[1:]}
    assert cycled == {name for pane in panes for name in pane.CHOICES}


@pytest.mark.parametrize("width", [20, 60, 80, 120, 400])
def test_the_footer_fits_and_never_loses_help_and_quit(width: int) -> None:
    shown = footer(actions_of("bench"), width)
    assert sum(len(f"{shown_key(action.keys[0])} {action.label}  ") for action in shown) <= max(width, 16)
    assert {"help", "leave"} <= {action.name for action in shown}


def test_a_wider_footer_shows_more() -> None:
    counts = [len(footer(actions_of("bench"), width)) for width in (40, 80, 160, 400)]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_the_key_map_in_the_docs_is_generated_from_the_table() -> None:
    """To update it: python -m workbench.ui.actions."""
    assert PAGE.read_text() == with_key_map(PAGE.read_text())


def test_help_names_every_action() -> None:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(help_text("bench"))
    text = captured.get()
    assert all(action.help in text for place in PLACES for action in actions_of(place))
