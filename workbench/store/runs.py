"""Run folders: new ids, creating one so that it appears whole or not at all, and reading one as a row."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.store.files import finite, read_json, read_toml, sync_folder, write_atomic, write_json
from workbench.store.paths import NOTES, ORIGIN, PROGRESS, RESULT, RUN_ID, STATE, RunPaths, StorePaths
from workbench.store.run_row import RunRow
from workbench.store.state import RunState, state_of
from workbench.text import safe_text

if TYPE_CHECKING:  # pydantic is slow to import; reading rows does not need it
    from workbench.spec.schema import RunSpec

SCHEMA = 1
TAIL = "23456789abcdefghjkmnpqrstuvwxyz"  # no 0/o, 1/l/i: ids are read aloud and typed
HIDDEN = ".new-"  # prefix of folders that are not yet runs


def slug(name: str, limit: int = 40) -> str:
    """Return `name` as lower-case ASCII letters, digits and dashes, safe in a file name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-") or "run"


def new_id(name: str, now: float) -> str:
    """Return a sortable, readable id such as `20261121-142530-vae-digits-k3f9` (local time)."""
    tail = "".join(secrets.choice(TAIL) for _ in range(4))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{slug(name)}-{tail}"


def create_run(
    store: StorePaths,
    spec: RunSpec,
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    study: str | None = None,
    study_id: str | None = None,
    priority: int = 0,
    command: Sequence[str] = (),
    variables: dict[str, str] | None = None,
    held: str = "",
) -> str:
    """Create a run folder and return its id. The folder appears complete, by one rename.

    `variables` are WORKBENCH_* settings of the submitter's environment that the worker must see too.
    `held` is a reason to create the run as paused, so that no scheduler takes it at once.
    Raises OSError when the disk is full or not writable; nothing is left behind then.
    """
    import tomli_w

    now = time.time()
    origin = {
        "schema": SCHEMA,
        "created": now,
        "preset": preset or "",
        "overrides": list(overrides),
        "study": study or "",
        "study_id": study_id or "",
        "priority": priority,
        "group": spec.group_hash(),
        "command": list(command),
        "variables": variables or {},
        # repeated from the spec, so that a list of thousands of runs need not parse as many TOML files
        "brief": {
            "name": spec.name,
            "kind": spec.model.kind,
            "data": spec.data.name,
            "seeds": list(spec.seeds),
        },
    }
    temporary = store.root / f"{HIDDEN}{secrets.token_hex(6)}"
    temporary.mkdir(mode=0o700)
    try:
        paths = RunPaths(temporary)
        text = tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
        write_atomic(paths.spec, text.encode())
        write_json(paths.origin, origin)
        if held:
            state = RunState(state="paused", priority=priority, queued=now, reason=held)
            write_json(paths.state, state.document())
        for folder in (paths.control, paths.attempts):
            folder.mkdir(mode=0o700)
        sync_folder(temporary)
        for _ in range(20):  # two runs of one name in one second share all but the random tail
            run_id = new_id(spec.name, now)
            if not (store.root / run_id).exists():
                temporary.rename(store.root / run_id)
                break
        else:
            raise FileExistsError(run_id)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(store.root)
    return run_id


def run_ids(root: Path) -> list[str]:
    """Return the ids of all run folders. Symbolic links and hidden or oddly named folders are not runs."""
    with os.scandir(root) as entries:
        return [e.name for e in entries if RUN_ID.match(e.name) and e.is_dir(follow_symlinks=False)]


def sweep_temporary(root: Path, older_than: float = 86_400.0) -> None:
    """Delete half-made folders whose maker died; a young one may still be in the making."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith(HIDDEN) and entry.is_dir(follow_symlinks=False):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > older_than:
                    shutil.rmtree(entry.path, ignore_errors=True)


def command_line() -> list[str]:
    """Return this program's own command, for the record."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv and sys.argv[0] else []


def read_row(paths: RunPaths) -> RunRow | None:
    """Return the run as a row, or None if the folder holds no run. Damaged files count as absent."""
    folder = f"{paths.root}/"  # thousands are read at once: no Path is made for each file
    origin = _table(read_json(folder + ORIGIN))
    brief = _brief(paths, origin)
    if brief is None:
        return None
    state = state_of(read_json(folder + STATE)) or RunState(priority=_int(origin.get("priority")))
    notes = _table(read_json(folder + NOTES))
    result = _table(read_json(folder + RESULT))
    over = result_state(result)
    progress = {} if over else _table(read_json(folder + PROGRESS))
    shown = state if over is None else state.with_outcome(over)
    first = safe_text(result.get("diverged_tensor", ""), 200, one_line=True)
    if over == "diverged" and first:
        shown = replace(shown, reason=f"{shown.reason} First of all: {first}.")
    tags = notes.get("tags")
    return RunRow(
        id=paths.root.name,
        name=str(brief.get("name", "")),
        kind=str(brief.get("kind", "")),
        data=str(brief.get("data", "")),
        state=shown.state,
        seeds=tuple(map(_int, brief.get("seeds") or (0,))),
        group=str(origin.get("group", "")),
        preset=str(origin.get("preset", "")),
        study=str(origin.get("study", "")),
        study_id=str(origin.get("study_id", "")),
        attempt=shown.attempt,
        reason=shown.reason,
        failure=shown.failure,
        next=shown.next,
        priority=shown.priority,
        device=str(result.get("device") or shown.device),
        created=finite(origin.get("created")) or 0.0,
        started=shown.started,
        ended=shown.ended if shown.ended is not None else finite(result.get("finished")),
        phase="done" if over else str(progress.get("phase", "")),
        step=_int(result.get("step") if over else progress.get("step")),
        total=_int(result.get("step") if over else progress.get("total")),
        steps_per_second=finite(progress.get("steps_per_second")) or 0.0,
        summary=_summary(result),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        note=str(notes.get("note", "")),
    )


def result_state(result: dict[str, Any]) -> str | None:
    """Return the outcome of a committed result ("finished" or "diverged"), or None if there is none."""
    outcome = result.get("outcome")
    return outcome if outcome in ("finished", "diverged") else None


def _brief(paths: RunPaths, origin: dict[str, Any]) -> dict[str, Any] | None:
    """Return name, kind, data and seeds: from the origin, else from the spec of an older folder."""
    brief = origin.get("brief")
    if isinstance(brief, dict) and isinstance(brief.get("seeds"), list):
        return brief
    spec = read_toml(paths.spec)
    if spec is None:
        return None
    model, data, seeds = spec.get("model"), spec.get("data"), spec.get("seeds")
    return {
        "name": spec.get("name", "run"),
        "kind": model.get("kind", "") if isinstance(model, dict) else "",
        "data": data.get("name", "") if isinstance(data, dict) else "",
        "seeds": seeds if isinstance(seeds, list) else [0],
    }


def _summary(result: dict[str, Any]) -> dict[str, tuple[float | None, ...]]:
    """Return each final metric's value per seed."""
    return {
        name: tuple(map(finite, entry["values"]))
        for name, entry in _table(result.get("metrics")).items()
        if isinstance(entry, dict) and isinstance(entry.get("values"), list)
    }


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _int(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else 0
