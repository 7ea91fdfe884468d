"""The one table of what can be done; key bindings, footer, help and command palette are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType

EVERYWHERE = "everywhere"


@dataclass(frozen=True)
class Action:
    """One thing to do. `name` is a method `action_<name>` of the screen (of the app, if everywhere).

    `keys` are Textual's names of keys; the first one is shown. `footer` ranks it in the line of keys
    (1 = kept longest as the terminal gets narrow; 0 = not shown there).
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
    "slash": "/", "equals_sign": "=", "escape": "esc",  # arrows by name: in ASCII they would be other keys
    "pageup": "PgUp", "pagedown": "PgDn", "comma": ",", "full_stop": ".",
}  # fmt: skip

_BENCH = ("bench",)
_CURVES = ("bench", "compare")
_TABLES = ("results", "compare", "table")
_LISTS = ("bench", "launch", "results", "compare", "table", "help")
_SUB = ("launch", "results", "compare", "table", "help")


def _group(
    group: str, where: tuple[str, ...], *rows: tuple[str, str, str, int, str], palette: bool = True
) -> tuple[Action, ...]:
    """Return actions from rows of (name, keys with spaces between, label, rank in the footer, help)."""
    return tuple(
        Action(name, tuple(keys.split()), label, help, where, group, footer, palette)
        for name, keys, label, footer, help in rows
    )


# A table is read by its lines.
# fmt: off
ACTIONS: tuple[Action, ...] = (
    *_group(
        "Queue", _BENCH,
        ("starter", "s", "starter", 9,
         "Queue the starter study: VAE, LAE, AVB and LEBM on 8×8 digits, 3 seeds each."),
        ("launch", "n", "new", 2, "Choose a preset, change its settings, queue runs."),
        ("pause", "p", "pause", 6, "Pause the run: it writes a checkpoint and gives its device back."),
        ("resume", "r", "resume", 7, "Resume a paused run from its checkpoint."),
        ("cancel", "x", "cancel", 5,
         "Cancel the run after a few seconds in which u keeps it; x again cancels now."),
        ("keep", "u", "undo", 0, "Keep the run that is about to be cancelled."),
        ("retry", "R", "retry", 10, "Queue a failed or cancelled run again."),
        ("raise_priority", "plus equals_sign", "sooner", 0, "Raise the priority: it starts sooner."),
        ("lower_priority", "minus", "later", 0, "Lower the priority: it starts later."),
    ),
    *_group(
        "Panes", _BENCH,
        ("pane(1)", "1", "curves", 0, "Show the curves of the metrics over training."),
        ("pane(2)", "2", "model", 0,
         "Show what is the model's own: a chain's acceptance and step size, an adversary's loss, f, KL."),
        ("pane(3)", "3", "latents", 0, "Show the scatter of the latents, coloured by class."),
        ("pane(4)", "4", "samples", 0, "Show the grid of samples from the model."),
        ("pane(5)", "5", "log", 0, "Show the worker's log."),
        ("pane(6)", "6", "config", 0, "Show the run's settings, resolved."),
        ("zoom", "z", "zoom", 8, "Give the pane the whole screen, or put it back."),
    ),
    *_group(
        "Panes", _CURVES,
        ("option('next_metric')", "m", "metric", 9, "Curves: show the next metric."),
        ("option('toggle_log')", "l", "log y", 10, "Curves: draw the y axis in decades, or linearly again."),
        ("option('toggle_smooth')", "o", "smooth", 0,
         "Curves and model: a moving average, the raw line faint behind it."),
        ("option('next_axis')", "w", "x axis", 0, "Curves: steps, epochs or training time as the x axis."),
        ("option('next_band')", "B", "band", 0,
         "Curves: the band shows the extremes over seeds, or ± one standard deviation."),
    ),
    *_group(
        "Panes", _BENCH,
        ("option('toggle_seeds')", "c", "each seed", 0,
         "Model: every seed, or the mean with its band."),
        ("option('previous_seed')", "left_square_bracket", "seed before", 0,
         "Latents and samples: show the seed before."),
        ("option('next_seed')", "right_square_bracket", "next seed", 0,
         "Latents and samples: show the next seed."),
        ("option('older')", "comma", "older", 0, "Latents and samples: show the snapshot before."),
        ("option('newer')", "full_stop", "newer", 0,
         "Latents and samples: show the next snapshot, at the end the newest."),
        ("option('next_scale')", "i", "size", 0, "Samples: larger pictures, smaller ones, as fits."),
        ("option('to_end')", "f", "follow", 0, "Log: go to the end and follow it."),
        ("option('toggle_changed')", "d", "differences", 0,
         "Config: only settings that differ from their default, or all."),
        ("home", "escape 0", "queue", 0, "Back to the queue; a zoomed pane goes back to its place."),
    ),
    *_group(
        "Results", _BENCH,
        ("table", "t", "table", 3,
         "Compare the runs of this study in a table: mean ± std over seeds, best marked."),
        ("export", "e", "export", 0, "Write this study's table as Markdown, LaTeX and CSV here."),
        ("results", "b", "results", 4, "Browse, filter, sort and compare all runs."),
    ),
    *_group(
        "Launch", ("launch",),
        ("queue", "ctrl+s", "queue", 1, "Queue the runs as described."),
    ),
    *_group(
        "Launch", ("launch",),
        ("edit", "enter", "edit", 3, "Go on to the settings, or to the field of a setting."),
        ("cycle", "space", "change", 4, "Step through the choices of a setting."),
        ("default", "backspace delete", "reset", 6, "Give a setting the preset's value again."),
        palette=False,
    ),
    *_group(
        "List", ("launch",),
        ("filter", "slash", "filter", 3, "Filter the presets: name, title or description has every word."),
    ),
    *_group(
        "List", ("results",),
        ("filter", "slash", "filter", 3,
         "Filter: words, state:finished model:vae,lae tag:best seeds>=3 test_mse<0.03; - excludes."),
    ),
    *_group(
        "List", ("results",),
        ("sort", "s", "sort", 4, "Sort by the chosen column; again: the other way."),
    ),
    *_group(
        "Move", _TABLES,
        ("column(-1)", "left", "column", 0, "Choose the column to the left."),
        ("column(1)", "right", "column", 5, "Choose the column to the right."),
        palette=False,
    ),
    *_group(
        "List", ("results",),
        ("group", "v", "group", 7, "Group runs that differ only in their seeds, or show them one by one."),
    ),
    *_group(
        "Runs", ("results",),
        ("mark", "space", "mark", 1, "Mark the run, or take the mark away."),
        ("unmark", "M", "unmark all", 0, "Take all marks away."),
        ("compare", "c", "compare", 2,
         "Curves of the marked runs over each other, and the settings that differ."),
        ("table", "t", "table", 6, "Tabulate the marked runs (without marks: all that are listed)."),
        ("export", "e", "export", 8, "Write the table of the marked runs as Markdown, LaTeX and CSV here."),
        ("delete", "d", "delete", 9,
         "Delete the marked runs, or the one under the cursor; u brings them back."),
        ("restore", "u", "undo", 0, "Bring back what was deleted last."),
        ("annotate", "a", "note", 10, "Write a note on the run; words with # become tags."),
    ),
    *_group(
        "Table", ("table",),
        ("export", "e", "export", 1, "Write the table as Markdown, LaTeX and CSV into this folder."),
        ("export_to", "E", "export to", 2, "Write the table into a folder to be named."),
    ),
    *_group(
        "Move", _LISTS,
        ("move(-1)", "up k", "up", 0, "Go up one row."),
        ("move(1)", "down j", "down", 0, "Go down one row."),
        ("page(-1)", "pageup ctrl+u", "page up", 0, "Go up one page."),
        ("page(1)", "pagedown ctrl+d", "page down", 0, "Go down one page."),
        ("top", "g home", "top", 0, "Go to the first row."),
        ("bottom", "G end", "bottom", 0, "Go to the last row."),
        palette=False,
    ),
    *_group(
        "Move", ("bench", "launch"),
        ("next", "tab", "next", 0, "Go to the next pane, field or list."),
        ("previous", "shift+tab", "previous", 0, "Go to the pane, field or list before."),
        palette=False,
    ),
    *_group(
        "Move", _SUB,
        ("back", "escape", "back", 11, "Go back to where you came from."),
    ),
    *_group(
        "Everywhere", (EVERYWHERE,),
        ("help", "question_mark f1", "help", 12, "Show all keys."),
    ),
    *_group(
        "Everywhere", (EVERYWHERE,),
        ("command_palette", "ctrl+p", "commands", 14, "Find an action by its name."),
        palette=False,
    ),
    *_group(
        "Everywhere", (EVERYWHERE,),
        ("leave", "q", "quit", 13,
         "Leave. Runs go on without the screens; open workbench again to see them."),
    ),
)
# fmt: on


def actions_of(where: str) -> list[Action]:
    """Return what can be done on a screen, in the order of the table; then what can be done everywhere."""
    here = [action for action in ACTIONS if where in action.where and EVERYWHERE not in action.where]
    return here + [action for action in ACTIONS if EVERYWHERE in action.where]


def bindings(where: str) -> list[BindingType]:
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
