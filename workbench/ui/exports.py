"""A table written at once in the three formats a paper needs; what is there already is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import USAGE, WorkbenchError
from workbench.ui.formatting import line

if TYPE_CHECKING:
    from workbench.api.tables import Table

FORMATS = {"md": ".md", "latex": ".tex", "csv": ".csv"}
MOST = 1000  # numbered names that are tried


def export_everywhere(table: Table, folder: Path, name: str) -> list[Path]:
    """Write `name`.md, .tex and .csv into `folder`; return their paths.

    Where one of them exists, all three get a number. Raises WorkbenchError if they cannot be written.
    """
    from workbench.api.tables import write_export

    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "table"
    for number in range(1, MOST):
        base = stem if number == 1 else f"{stem}-{number}"
        paths = [folder / f"{base}{suffix}" for suffix in FORMATS.values()]
        if any(path.exists() or path.is_symlink() for path in paths):
            continue
        for form, path in zip(FORMATS, paths, strict=True):
            write_export(table, form, path)
        return paths
    raise WorkbenchError(
        f"{line(folder, 200)} is full of tables named {stem}.", "Choose another folder with E.", USAGE
    )


def told_paths(paths: list[Path]) -> str:
    """Return the sentence that tells where the table is."""
    names = ", ".join(line(path.name, 100) for path in paths)
    return f"Wrote {names} to {line(paths[0].parent, 300)}"
