"""Trained models as files: safetensors and a JSON description.

>>> from pathlib import Path
>>> api.models.export_model(store, "fuze", Path("exported"))
Traceback (most recent call last):
workbench.errors.WorkbenchError: Cannot export ...: it has no checkpoint. Train it again first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workbench.api.evaluations import EXIT_CODES, run_process
from workbench.api.outputs import check_place
from workbench.api.runs import find_run
from workbench.api.stores import Store
from workbench.errors import RUN_FAILED, WorkbenchError
from workbench.queue.attempt_command import THREADS
from workbench.store.exported import DESCRIPTION, WEIGHTS, read_description

__all__ = ["DESCRIPTION", "WEIGHTS", "export_model", "read_description"]

WRITER = (sys.executable, "-P", "-m", "workbench.engine.export_model")


def export_model(store: Store, run_id: str, folder: Path) -> Path:
    """Write the evaluated weights of a run and a description into a new `folder`; return its absolute path.

    A process of its own does it. `workbench.load(folder)` reads it back (docs/notebook.md).

    Raises:
        WorkbenchError: exit code 3 for an unknown run; 2 if it is still training or has no checkpoint, or if
            `folder` exists or is in a store; 5 if it cannot be written; 8 if the data set is not here.
    """
    row = find_run(store, run_id)
    if row.scheduled:
        raise WorkbenchError(f"Cannot export {row.id}: it is {row.state}.", "Wait until it has finished.")
    paths = store.run(row.id)
    if not any(paths.checkpoints.glob("*.json")):
        raise WorkbenchError(f"Cannot export {row.id}: it has no checkpoint.", "Train it again first.")
    folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - a link stays a link
    check_place(folder)
    if os.path.lexists(folder):
        raise WorkbenchError(f"Cannot write {folder}: it exists already.", "Choose a new folder.")
    threads = dict.fromkeys(THREADS, "1")
    code, last = run_process([*WRITER, str(paths.root), str(folder)], {**os.environ, **threads}, None)
    if code:
        why = last or f"Cannot export {row.id}: the process ended with exit code {code}."
        raise WorkbenchError(why, "", EXIT_CODES.get(code, RUN_FAILED))
    return folder
