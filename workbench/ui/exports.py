"""A table written at once in the three formats a paper needs; existing files are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import api
from workbench.errors import USAGE, WorkbenchError
from workbench.ui.formatting import line

if TYPE_CHECKING:
    from workbench.api.tables import Table

FORMATS = {"md": ".md", "latex": ".tex", "csv": ".csv"}
MOST = 1000  # numbered names that are tried


def export_everywhere(table: Table, folder: Path, name: str) -> str:
    """Write `name`.md, .tex and .csv into `folder`; return a sentence that names them.

    If one of them exists, all three get a number. Raises WorkbenchError if they cannot be written.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "table"
    for number in range(1, MOST):
        base = stem if number == 1 else f"{stem}-{number}"
        paths = [folder / f"{base}{suffix}" for suffix in FORMATS.values()]
        if any(path.exists() or path.is_symlink() for path in paths):
            continue
        for form, path in zip(FORMATS, paths, strict=True):
            api.tables.write_export(table, form, path)
        names = ", ".join(line(path.name, 100) for path in paths)
        return f"Wrote {names} to {line(folder, 300)}"
    raise WorkbenchError(
        f"Cannot export: {line(folder)} has {MOST - 1} tables named {stem}.",
        "Choose another folder with E.",
        USAGE,
    )
