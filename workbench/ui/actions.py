"""The one table of actions: key bindings, footer, help, command palette and docs are made from it.

`python -m workbench.ui.actions` writes the key map into docs/screens.md.
"""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding, BindingType

from workbench.ui.keys import Action, shown_key
from workbench.ui.widgets.pane_deck import pane_actions

EVERYWHERE = "everywhere"
PLACES = {
    "bench": "Bench", "launch": "Launch", "results": "Results", "columns": "Columns", "run": "Run",
    "compare": "Compare", "table": "Table", "studies": "Studies",
    "trash": "Trash", "help": "Help", EVERYWHERE: "Everywhere",
}  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "screens.md"
BEGIN, END = "<!-- key map: generated from workbench/ui/actions.py -->", "<!-- end of key map -->"

_BENCH = ("bench",)
_PANES = ("bench", "run")
_CURVES = ("bench", "run", "compare")
_TABLES = ("results", "compare", "table")
_LISTS = ("bench", "launch", "results", "columns", "run", "compare", "table", "studies", "trash", "help")
_SUB = ("launch", "results", "columns", "run", "compare", "table", "studies", "trash", "help")


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
_QUEUE: tuple[Action, ...] = (
    *_group(
        "Queue", _BENCH,
        ("starter", "s", "starter", 9,
         "Queue the starter study: VAE, LAE, AVB and LEBM on 8×8 digits, 3 seeds each."),
        ("open('launch')", "n", "new", 2, "Choose a preset, change its settings, queue runs."),
        ("request('pause')", "p", "pause", 6, "Pause the run: write a checkpoint and release its device."),
        ("request('resume')", "r", "resume", 7, "Resume a paused run from its checkpoint."),
        ("cancel", "x", "cancel", 5, "Cancel the run after 5 seconds; u keeps it, x again cancels now."),
        ("undo", "u", "undo", 0,
         "Keep the run that is about to be cancelled; else restore the runs deleted last."),
        ("request('retry')", "R", "retry", 10, "Queue a failed or cancelled run again."),
        ("priority(1)", "plus equals_sign", "priority up", 0, "Raise the priority: the run starts earlier."),
        ("priority(-1)", "minus", "priority down", 0, "Lower the priority: the run starts later."),
    ),
)
_OTHERS: tuple[Action, ...] = (
    *_group("Panes", _PANES, ("zoom", "z", "zoom", 8, "Zoom the pane to the whole screen, or back.")),
    *_group(
        "Panes", _CURVES,
        ("option('step_metric', 1)", "m", "metric", 9, "Curves: show the next metric."),
        ("metrics", "M", "metrics", 0, "Curves: pick metrics by name; several get a plot each."),
        ("option('cycle', 'log_x')", "X", "log x", 0, "Curves: switch the x axis between linear and log."),
        ("option('cycle', 'y_range')", "V", "y range", 0,
         "Curves: let the y axis leave out a few extreme points, or show all."),
        ("option('zoom_by', 2.0)", "greater_than_sign", "zoom in", 0,
         "Curves: show half of the x axis, around the line where curves are read."),
        ("option('zoom_by', 0.5)", "less_than_sign", "zoom out", 0, "Curves: show twice as much of x."),
        ("option('cycle', 'log_y')", "l", "log y", 10, "Curves: switch the y axis between linear and log."),
        ("option('cycle', 'smooth')", "o", "smooth", 0,
         "Curves and model: show a moving average, with the raw line faint behind it."),
        ("option('cycle', 'axis')", "w", "x axis", 0,
         "Curves: use steps, epochs or training time as the x axis."),
        ("option('cycle', 'band')", "B", "band", 0,
         "Curves: let the band show the range over seeds, or ± one standard deviation."),
    ),
    *_group(
        "Panes", _PANES,
        ("option('cycle', 'each_seed')", "c", "each seed", 0,
         "Model: show each seed, or the mean with its band."),
        ("option('step_seed', -1)", "left_square_bracket", "previous seed", 0,
         "Latents and samples: show the previous seed."),
        ("option('step_seed', 1)", "right_square_bracket", "next seed", 0,
         "Latents and samples: show the next seed."),
        ("option('step_snapshot', -1)", "comma", "older", 0,
         "Latents and samples: show the previous snapshot."),
        ("option('step_snapshot', 1)", "full_stop", "newer", 0,
         "Latents and samples: show the next snapshot; after the last one, follow the newest."),
        ("option('cycle', 'scale')", "i", "size", 0, "Samples: change the size of the pictures."),
        ("copy_folder", "Y", "copy folder", 0, "Copy the path of the run's folder (OSC 52)."),
        ("option('to_end')", "f", "follow", 0, "Log: go to the end and follow it."),
        ("option('cycle', 'only_changed')", "d", "differences", 0,
         "Config: show only settings that differ from their default, or all."),
    ),
    *_group(
        "Panes", _PANES,
        ("option('move_cursor', -0.02)", "left", "read left", 0,
         "Curves: read the curves at a line, further left; beyond the edge, move the zoomed part."),
        ("option('move_cursor', 0.02)", "right", "read right", 0, "Curves: read the curves further right."),
        ("option('reset_view')", "vertical_line", "whole", 0, "Curves: end zoom and reading."),
    ),
    *_group("Panes", _BENCH, ("home", "escape 0", "queue", 0, "Go back to the queue and end the zoom.")),
    *_group(
        "Results", _PANES,
        ("table", "t", "table", 3,
         "Compare the runs of this study in a table: mean ± std over seeds, best marked."),
        ("export", "e", "export", 0,
         "Write this study's table as Markdown, LaTeX and CSV to the working directory; e again confirms."),
        ("open('results')", "b", "results", 4, "Browse, filter, sort and compare all runs."),
    ),
    *_group("Launch", ("launch",), ("queue", "ctrl+s", "queue", 1, "Queue the runs as described.")),
    *_group(
        "Launch", ("launch",),
        ("edit", "enter", "edit", 3, "Edit the setting; on a preset, go to its settings."),
        ("cycle", "space", "change", 4, "Cycle through the choices of a setting."),
        ("default", "backspace delete", "reset", 6, "Reset to the preset's value."),
        palette=False,
    ),
    *_group(
        "List", ("launch",),
        ("filter", "slash", "filter", 3,
         "Filter the presets: every word must occur in name, title or description."),
    ),
    *_group(
        "List", ("results",),
        ("filter", "slash", "filter", 3,
         "Filter: words, state:finished model:vae,lae tag:best seeds>=3 test_mse<0.03; - excludes."),
        ("sort", "s", "sort", 4, "Sort by the chosen column; again: reverse the order."),
    ),
    *_group(
        "Move", _TABLES,
        ("move(-1, 'column')", "left", "column", 0, "Choose the column to the left."),
        ("move(1, 'column')", "right", "column", 5, "Choose the column to the right."),
        palette=False,
    ),
    *_group(
        "List", ("results",),
        ("group", "v", "group", 7, "Group runs that differ only in their seeds, or show each run."),
        ("open_run", "enter", "open", 1, "Open the run in the panes of the Bench; unfold or fold a group."),
        ("columns", "C", "columns", 12, "Choose the columns, settings too; the choice is remembered."),
        ("preview", "z", "preview", 0, "Show or hide the preview of the run under the cursor."),
    ),
    *_group(
        "Runs", ("results",),
        ("mark", "space", "mark", 1, "Mark or unmark the run."),
        ("unmark", "M", "unmark all", 0, "Clear marks."),
        ("compare", "c", "compare", 2,
         "Overlay the curves of the marked runs; list the settings that differ."),
        ("table", "t", "table", 6, "Tabulate the marked runs (without marks: all listed runs)."),
        ("export", "e", "export", 8,
         "Write the table of the marked runs as Markdown, LaTeX and CSV; e again confirms."),
        ("delete", "d", "delete", 9,
         "Delete the marked runs that are listed, or the run under the cursor; u restores them."),
        ("annotate", "a", "note", 10, "Write a note on the run; words with # become tags."),
    ),
    *_group(
        "Runs", ("results", "run", "compare", "table", "trash"),
        ("undo", "u", "undo", 0, "Restore the runs that were deleted last, or those chosen in the trash."),
    ),
    *_group(
        "Runs", ("bench", "results", "run", "compare", "table"),
        ("open('trash')", "T", "trash", 0, "Show the runs deleted in the last week, to restore them."),
    ),
    *_group(
        "Runs", ("results", "run", "compare", "table"),
        ("open('launch')", "n", "new", 0, "Choose a preset, change its settings, queue runs."),
    ),
    *_group(
        "Results", ("table",),
        ("open('results')", "b", "results", 0, "Browse, filter, sort and compare all runs."),
    ),
    *_group(
        "Columns", ("columns",),
        ("filter", "slash", "filter", 5, "Find by letters of the name; enter chooses the best match."),
        ("switch", "space", "show or hide", 1, "Show or hide the column."),
        ("shift(1)", "J", "later", 2, "Move the column to the right."),
        ("shift(-1)", "K", "earlier", 3, "Move the column to the left."),
        ("reset", "backspace delete", "reset", 4, "Go back to the columns of a new start."),
    ),
    *_group(
        "Table", ("table",),
        ("edit", "enter", "runs", 1, "Open the runs of the row; in the layout: edit the key."),
        ("cycle", "space", "change", 0, "Layout: step through the choices of the key."),
        ("choose('metrics')", "m", "metrics", 2, "Choose the metrics and their order."),
        ("choose('rows')", "r", "rows", 3, "Choose what a row is: model, data, settings."),
        ("cycle('columns')", "p", "pivot", 4, "Step through pivots: data, model or a setting in columns."),
        ("baseline", "B", "baseline", 5, "Show differences from the row, with p-values; again: do not."),
        ("sort", "s", "sort", 6, "Sort by the chosen column; again: in reverse."),
        ("report", "a", "reported", 7, "Add a value from the literature to the row, with its source."),
        ("save", "W", "save", 8, "Save the table under a name, for `workbench export NAME`."),
        ("missing", "plus", "queue missing", 9, "Queue the study's missing runs; again confirms."),
        ("latex", "i", "LaTeX", 10, "Show the table as LaTeX; again: the table."),
        ("copy", "y", "copy", 0, "Copy the table as Markdown, or as LaTeX while that is shown (OSC 52)."),
        ("export", "e", "export", 8,
         "Write the table as Markdown, LaTeX and CSV to the working directory."),
        ("notes", "N", "notes", 0, "Show all notes, to be scrolled; again: the table."),
        ("export_to", "E", "export to", 0, "Write the table to another folder."),
    ),
    *_group(
        "Studies", ("bench", "results", "run", "table"),
        ("open('studies')", "S", "studies", 0, "List studies and saved tables with their progress."),
    ),
    *_group(
        "Studies", ("studies",),
        ("table", "enter", "table", 1, "Open the table of the study."),
        ("missing", "plus", "queue missing", 2, "Queue the runs that are missing; again confirms."),
        ("budget", "B", "budget", 3, "Step through the budgets of the study."),
    ),
    *_group(
        "Move", _LISTS,
        ("move(-1)", "up k", "up", 0, "Go up one row."),
        ("move(1)", "down j", "down", 0, "Go down one row."),
        ("move(-1, 'page')", "pageup ctrl+u", "page up", 0, "Go up one page."),
        ("move(1, 'page')", "pagedown ctrl+d", "page down", 0, "Go down one page."),
        ("move(-1, 'end')", "g home", "top", 0, "Go to the first row."),
        ("move(1, 'end')", "G end", "bottom", 0, "Go to the last row."),
        palette=False,
    ),
    *_group(
        "Move", ("bench", "run", "launch", "table"),
        ("step(1)", "tab", "next", 0, "Go to the next pane, field or list."),
        ("step(-1)", "shift+tab", "previous", 0, "Go to the previous pane, field or list."),
        palette=False,
    ),
    *_group("Move", _SUB, ("back", "escape", "back", 11, "Go back to the previous screen.")),
    *_group("Everywhere", (EVERYWHERE,), ("help", "question_mark f1", "help", 12, "Show all keys.")),
    *_group(
        "Everywhere", (EVERYWHERE,),
        ("command_palette", "ctrl+p", "commands", 14, "Find an action by its name."),
        palette=False,
    ),
    *_group(
        "Everywhere", (EVERYWHERE,), ("leave", "q", "quit", 13, "Quit. Runs continue in the background."),
    ),
)
# fmt: on


def actions_of(where: str, *, alone: bool = False) -> list[Action]:
    """Return the actions of a screen in the order of the table, then, unless `alone`, those of everywhere."""
    table = (*_QUEUE, *pane_actions(), *_OTHERS)
    here = [action for action in table if where in action.where]
    more = () if alone or where == EVERYWHERE else _OTHERS
    return here + [action for action in more if EVERYWHERE in action.where]


def bindings(where: str) -> list[BindingType]:
    """Return the key bindings of a screen, or of the app for `EVERYWHERE`."""
    return [
        Binding(",".join(action.keys), action.name, action.label, show=action.footer > 0)
        for action in actions_of(where, alone=True)
    ]


def key_map() -> str:
    """Return all keys as Markdown tables, for docs/screens.md."""
    parts = []
    for place, title in PLACES.items():
        parts.append(f"### {title}\n\n| keys | action | what it does |\n|---|---|---|")
        for action in actions_of(place, alone=True):
            keys = " ".join(f"`{shown_key(key)}`" for key in action.keys)
            parts.append(f"| {keys} | {action.label} | {action.help} |")
        parts.append("")
    return "\n".join(parts)


def with_key_map(page: str) -> str:
    """Return a page with the present key map between its markers."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{key_map()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_key_map(PAGE.read_text()))
