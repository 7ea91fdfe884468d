"""Finished runs whose weights another run uses: which run a setting names."""

from __future__ import annotations

import time

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.store.json_fields import number, read_table, table
from workbench.store.paths import RUN_ID, RunPaths, StorePaths
from workbench.store.state import load_state


def find_finished(text: str, store: StorePaths, key: str, own: RunPaths | None = None) -> RunPaths:
    """Return the finished run of the store that the setting `key` names: by its id, or by preset or name.

    Of several runs of a preset it is the newest that was finished when the run `own` was submitted (None:
    now); if none was, the first to finish since. So a resumed run finds the one that it started with.

    Raises:
        WorkbenchError: if there is none (exit code NOT_FOUND), or the run has not finished (USAGE).
    """
    if RUN_ID.match(text) and (named := store.run(text)).spec.exists():
        if _finished(named) is None:
            state = load_state(named).state
            raise WorkbenchError(
                f"Cannot use run {text} in {key}: it is {state}.", "It must be finished.", USAGE
            )
        return named
    submitted = time.time() if own is None else number(read_table(own.origin).get("created")) or 0.0
    found: list[tuple[float, RunPaths]] = []
    for folder in sorted(store.root.iterdir()):
        if not RUN_ID.match(folder.name) or (own is not None and folder == own.root):
            continue
        run = RunPaths(folder)
        origin = read_table(run.origin)
        if (
            text in (origin.get("preset"), table(origin.get("brief")).get("name"))
            and (ended := _finished(run)) is not None
        ):
            found.append((ended, run))
    before = [(ended, run) for ended, run in found if ended <= submitted]
    if not found:
        raise WorkbenchError(
            f"There is no finished run '{text}' in this store for {key}.",
            f"Train one first (`workbench run {text}`), or name another in {key}.",
            NOT_FOUND,
        )
    chosen = max(before, key=lambda pair: pair[0]) if before else min(found, key=lambda pair: pair[0])
    return chosen[1]


def _finished(run: RunPaths) -> float | None:
    """Return when the run finished; None if it has not, or has diverged."""
    result = read_table(run.result)
    return (number(result.get("finished")) or 0.0) if result.get("outcome") == "finished" else None
