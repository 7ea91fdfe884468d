"""The one table of what can be done where: key bindings, footer, help and command palette are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

EVERYWHERE = "everywhere"


@dataclass(frozen=True)
class Action:
    """One thing to do. `name` is a method `action_<name>` of the screen (of the app, if everywhere).

    `keys` are Textual's names of keys; the first one is shown. `footer` ranks it in the line of keys (1 = kept
    longest as the terminal gets narrow; 0 = not shown there).
    """

    name: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: tuple[str, ...]
    group: str
    footer: int = 0
    palette: bool = True

    @property
    def key(self) -> str:
        """The first key as people write it."""
        return shown_key(self.keys[0])


def shown_key(key: str) -> str:
    """Return a key's Textual name as people write it."""
    return _SHOWN.get(key, key)


_SHOWN = {
    "question_mark": "?", "plus": "+", "minus": "-", "left_square_bracket": "[", "right_square_bracket": "]",
    "slash": "/", "equals_sign": "=", "up": "↑", "down": "↓", "left": "←", "right": "→", "escape": "esc", "pageup": "PgUp",
    "pagedown": "PgDn", "upper_r": "R", "comma": ",", "full_stop": ".",
}  # fmt: skip

_BENCH = ("bench",)
_BENCH_COMPARE = ("bench", "compare")
_LISTS = ("bench", "launch", "results", "compare", "table", "help")
_SUB = ("launch", "results", "compare", "table", "help")

ACTIONS: tuple[Action, ...] = (
    # the queue
    Action("starter", ("s",), "starter", "Queue the starter study: VAE, LAE, AVB and LEBM on 8×8 digits, 3 seeds each.", _BENCH, "Queue", 9),
    Action("launch", ("n",), "new", "Choose a preset, change its settings, queue runs.", _BENCH, "Queue", 2),
    Action("pause", ("p",), "pause", "Pause the run: it writes a checkpoint and gives its device back.", _BENCH, "Queue", 6),
    Action("resume", ("r",), "resume", "Resume a paused run from its checkpoint.", _BENCH, "Queue", 7),
    Action("cancel", ("x",), "cancel", "Cancel the run after a few seconds in which u keeps it; x again cancels now.", _BENCH, "Queue", 5),
    Action("keep", ("u",), "undo", "Keep the run that is about to be cancelled.", _BENCH, "Queue"),
    Action("retry", ("R",), "retry", "Queue a failed or cancelled run again.", _BENCH, "Queue", 10),
    Action("raise_priority", ("plus", "equals_sign"), "sooner", "Raise the priority: it starts sooner.", _BENCH, "Queue"),
    Action("lower_priority", ("minus",), "later", "Lower the priority: it starts later.", _BENCH, "Queue"),
    # panes
    *(
        Action(f"pane({number})", (str(number),), pane, f"Show the {text}.", _BENCH, "Panes")
        for number, (pane, text) in enumerate(
            (
                ("curves", "curves of the metrics over training"),
                ("chain", "chain: acceptance, step size, energy"),
                ("latents", "scatter of the latents, coloured by class"),
                ("samples", "grid of samples from the model"),
                ("log", "worker's log"),
                ("config", "run's settings, resolved"),
            ),
            start=1,
        )
    ),
    Action("zoom", ("z",), "zoom", "Give the pane the whole screen, or put it back.", _BENCH, "Panes", 8),
    Action("option('next_metric')", ("m",), "metric", "Curves: show the next metric.", _BENCH_COMPARE, "Panes", 9),
    Action("option('toggle_log')", ("l",), "log y", "Curves: draw the y axis in decades, or linearly again.", _BENCH_COMPARE, "Panes", 10),
    Action("option('toggle_smooth')", ("o",), "smooth", "Curves and chain: a moving average, the raw line faint behind it.", _BENCH_COMPARE, "Panes"),
    Action("option('next_axis')", ("w",), "x axis", "Curves: steps, epochs or training time as the x axis.", _BENCH_COMPARE, "Panes"),
    Action("option('next_band')", ("B",), "band", "Curves: the band shows the extremes over seeds, or ± one standard deviation.", _BENCH_COMPARE, "Panes"),
    Action("option('toggle_seeds')", ("c",), "each seed", "Chain: every seed's acceptance, or the mean with its band.", _BENCH, "Panes"),
    Action("option('previous_seed')", ("left_square_bracket",), "seed before", "Latents and samples: show the seed before.", _BENCH, "Panes"),
    Action("option('next_seed')", ("right_square_bracket",), "next seed", "Latents and samples: show the next seed.", _BENCH, "Panes"),
    Action("option('older')", ("comma",), "older", "Latents and samples: show the snapshot before.", _BENCH, "Panes"),
    Action("option('newer')", ("full_stop",), "newer", "Latents and samples: show the next snapshot, at the end the newest.", _BENCH, "Panes"),
    Action("option('next_scale')", ("i",), "size", "Samples: larger pictures, smaller ones, as fits.", _BENCH, "Panes"),
    Action("option('to_end')", ("f",), "follow", "Log: go to the end and follow it.", _BENCH, "Panes"),
    Action("option('toggle_changed')", ("d",), "differences", "Config: only settings that differ from their default, or all.", _BENCH, "Panes"),
    Action("home", ("escape", "0"), "queue", "Back to the queue; a zoomed pane goes back to its place.", _BENCH, "Panes"),
    # looking further
    Action("table", ("t",), "table", "Compare the runs of this study in a table: mean ± std over seeds, best marked.", _BENCH, "Results", 3),
    Action("export", ("e",), "export", "Write this study's table as Markdown, LaTeX and CSV here.", _BENCH, "Results"),
    Action("results", ("b",), "results", "Browse, filter, sort and compare all runs.", _BENCH, "Results", 4),
    # Launch
    Action("queue", ("ctrl+s",), "queue", "Queue the runs as described.", ("launch",), "Launch", 1),
    Action("edit", ("enter",), "edit", "Go on to the settings, or to the field of a setting.", ("launch",), "Launch", 3, palette=False),
    Action("cycle", ("space",), "change", "Step through the choices of a setting.", ("launch",), "Launch", 4, palette=False),
    Action("default", ("backspace", "delete"), "reset", "Give a setting the preset's value again.", ("launch",), "Launch", 6, palette=False),
    # Results
    Action("filter", ("slash",), "filter", "Filter: words, and terms such as state:finished model:lae data:mnist tag:best -word.", ("launch", "results"), "List", 3),
    Action("sort", ("s",), "sort", "Sort by the chosen column; again: the other way.", ("results",), "List", 4),
    Action("column(-1)", ("left",), "column", "Choose the column to the left.", ("results", "table", "compare"), "Move", palette=False),
    Action("column(1)", ("right",), "column", "Choose the column to the right.", ("results", "table", "compare"), "Move", 5, palette=False),
    Action("group", ("v",), "group", "Group runs that differ only in their seeds, or show them one by one.", ("results",), "List", 7),
    Action("mark", ("space",), "mark", "Mark the run, or take the mark away.", ("results",), "Runs", 1),
    Action("unmark", ("M",), "unmark all", "Take all marks away.", ("results",), "Runs"),
    Action("compare", ("c",), "compare", "Curves of the marked runs over each other, and the settings that differ.", ("results",), "Runs", 2),
    Action("table", ("t",), "table", "Tabulate the marked runs (without marks: all that are listed).", ("results",), "Runs", 6),
    Action("export", ("e",), "export", "Write the table of the marked runs as Markdown, LaTeX and CSV here.", ("results",), "Runs", 8),
    Action("delete", ("d",), "delete", "Delete the marked runs, or the one under the cursor; u brings them back.", ("results",), "Runs", 9),
    Action("restore", ("u",), "undo", "Bring back what was deleted last.", ("results",), "Runs"),
    Action("annotate", ("a",), "note", "Write a note on the run; words with # become tags.", ("results",), "Runs", 10),
    # Table
    Action("export", ("e",), "export", "Write the table as Markdown, LaTeX and CSV into this folder.", ("table",), "Table", 1),
    Action("export_to", ("E",), "export to", "Write the table into a folder to be named.", ("table",), "Table", 2),
    # moving about
    Action("move(-1)", ("up", "k"), "up", "Go up one row.", _LISTS, "Move", palette=False),
    Action("move(1)", ("down", "j"), "down", "Go down one row.", _LISTS, "Move", palette=False),
    Action("page(-1)", ("pageup", "ctrl+u"), "page up", "Go up one page.", _LISTS, "Move", palette=False),
    Action("page(1)", ("pagedown", "ctrl+d"), "page down", "Go down one page.", _LISTS, "Move", palette=False),
    Action("top", ("g", "home"), "top", "Go to the first row.", _LISTS, "Move", palette=False),
    Action("bottom", ("G", "end"), "bottom", "Go to the last row.", _LISTS, "Move", palette=False),
    Action("next", ("tab",), "next", "Go to the next pane, field or list.", ("bench", "launch"), "Move", palette=False),
    Action("previous", ("shift+tab",), "previous", "Go to the pane, field or list before.", ("bench", "launch"), "Move", palette=False),
    Action("back", ("escape",), "back", "Go back to where you came from.", _SUB, "Move", 11),
    # everywhere
    Action("help", ("question_mark", "f1"), "help", "Show all keys.", (EVERYWHERE,), "Everywhere", 12),
    Action("command_palette", ("ctrl+p",), "commands", "Find an action by its name.", (EVERYWHERE,), "Everywhere", 14, palette=False),
    Action("leave", ("q",), "quit", "Leave. Runs go on without the screens; open workbench again to see them.", (EVERYWHERE,), "Everywhere", 13),
)  # fmt: skip


def actions_of(where: str) -> list[Action]:
    """Return what can be done on a screen, in the order of the table; what can be done everywhere comes last."""
    return [action for action in ACTIONS if where in action.where] + [
        action for action in ACTIONS if EVERYWHERE in action.where
    ]


def bindings(where: str) -> list[Binding]:
    """Return the key bindings of a screen, or of the app for `EVERYWHERE`."""
    return [
        Binding(",".join(action.keys), action.name, action.label, tooltip=action.help, show=action.footer > 0)
        for action in ACTIONS
        if where in action.where
    ]


def footer(where: str, width: int) -> list[Action]:
    """Return the actions that fit into a line of `width` cells, in the order of their rank."""
    ranked = sorted((a for a in actions_of(where) if a.footer), key=lambda action: action.footer)
    always = [action for action in ranked if action.name in ("help", "leave")]
    room = width - sum(_cells(action) for action in always)
    chosen = []
    for action in ranked:
        if action in always:
            continue
        room -= _cells(action)
        if room < 0:
            break
        chosen.append(action)
    return sorted([*chosen, *always], key=lambda action: action.footer)


def _cells(action: Action) -> int:
    return len(action.key) + 1 + len(action.label) + 2
