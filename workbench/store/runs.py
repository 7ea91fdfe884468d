"""Run folders: new ids, creating one so that it appears whole or not at all, and reading one as a row."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.store.details import flat
from workbench.store.evaluations import newest_health
from workbench.store.files import read_json, read_toml, sync_folder, write_atomic, write_json
from workbench.store.json_fields import items, number, read_table, table, whole
from workbench.store.paths import HEALTH, NOTES, ORIGIN, PROGRESS, RESULT, RUN_ID, STATE, RunPaths, StorePaths
from workbench.store.run_row import RunRow
from workbench.store.state import RunState, outcome_of, run_state, state_of, unwritten_state

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
    """Return a sortable, readable id such as `20261121-142530-vae-digits-k3f9` (local time).

    The settings in a name such as `vae-digits latent=16` stay out of it: ids are typed.
    """
    words = [word for word in name.split() if "=" not in word]
    tail = "".join(secrets.choice(TAIL) for _ in range(4))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{slug(' '.join(words))}-{tail}"


def create_run(
    store: StorePaths,
    spec: RunSpec,
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    study: str | None = None,
    study_id: str | None = None,
    rerun_of: str = "",
    after: Sequence[str] = (),
    priority: int = 0,
    command: Sequence[str] = (),
    variables: dict[str, str] | None = None,
    held: str = "",
) -> str:
    """Create a run folder and return its id. The folder appears complete, by one rename.

    `variables` are settings of the submitter's environment that count for the run: WORKBENCH_* ones, and
    CUDA_VISIBLE_DEVICES. `after` are the runs that must finish first.
    `held` is a reason to create the run as paused, so that no scheduler takes it at once.
    Raises OSError when the disk is full or not writable; nothing is left behind then.
    """
    import tomli_w  # only submitting writes TOML

    from workbench.spec.data import source_of  # only submitting needs the data sets

    now, body = time.time(), spec.model_dump(mode="json", exclude_none=True)
    origin = {
        "schema": SCHEMA,
        "created": now,
        "preset": preset or "",
        "overrides": list(overrides),
        "study": study or "",
        "study_id": study_id or "",
        **({"rerun_of": rerun_of} if rerun_of else {}),
        **({"after": list(after)} if after else {}),
        "priority": priority,
        "group": spec.group_hash(),
        **({"small": True} if source_of(spec.data).small else {}),  # it may train on the CPU beside GPUs
        "command": list(command),
        "variables": variables or {},
        # repeated from the spec, so that a list of thousands of runs need not parse as many TOML files
        "brief": {
            "name": spec.name,
            "kind": spec.model.kind,
            "data": spec.data.name,
            "seeds": list(spec.seeds),
            "settings": flat(body),
        },
    }
    temporary = store.root / f"{HIDDEN}{secrets.token_hex(6)}"
    temporary.mkdir(mode=0o700)
    try:
        paths = RunPaths(temporary)
        write_atomic(paths.spec, tomli_w.dumps(body).encode())
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
    """Delete half-made folders and files whose maker died; a young one may still be in the making."""
    for path in StorePaths(root).hidden.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > older_than:
                path.unlink()
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith(HIDDEN) and entry.is_dir(follow_symlinks=False):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > older_than:
                    shutil.rmtree(entry.path, ignore_errors=True)


def sweep_files(run: RunPaths, attempt: int) -> None:
    """Delete unfinished files of an attempt whose processes are gone; a killed writer leaves them behind.

    Files of others, who may write a note or a request at any time, are left alone.
    """
    folders = (run.checkpoints, run.samples, run.latents, run.attempt(attempt).root)
    found = [path for folder in folders for path in folder.glob(".*.tmp")]
    for path in (run.progress, run.result, run.environment, run.examples, run.initial):
        found += run.root.glob(f".{path.name}.*.tmp")
    for path in found:
        with contextlib.suppress(OSError):
            path.unlink()


def command_line() -> list[str]:
    """Return this program's own command, for the record."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv and sys.argv[0] else []


def read_row(paths: RunPaths) -> RunRow | None:
    """Return the run as a row, or None if the folder holds no run. Damaged files count as absent."""
    folder = f"{paths.root}/"  # thousands are read at once: no Path is made for each file
    origin = read_table(folder + ORIGIN)
    brief = table(origin.get("brief"))
    if not isinstance(brief.get("seeds"), list):
        spec = read_toml(paths.spec)  # a folder written before there was a brief
        if spec is None:
            return None
        brief = {"name": spec.get("name", "run"), "seeds": items(spec.get("seeds"))}
        brief |= {"kind": table(spec.get("model")).get("kind", "")}
        brief |= {"data": table(spec.get("data")).get("name", "")}
    notes, result = read_table(folder + NOTES), read_table(folder + RESULT)
    state = state_of(read_json(folder + STATE)) or unwritten_state(paths, origin)
    state = run_state(state, result)
    over = outcome_of(result) is not None
    progress = {} if over else read_table(folder + PROGRESS)
    metrics = {
        name: entry
        for name, entry in table(result.get("metrics")).items()
        if isinstance(entry, dict) and isinstance(entry.get("values"), list)
    }
    return RunRow(
        id=paths.root.name,
        name=str(brief.get("name", "")),
        kind=str(brief.get("kind", "")),
        data=str(brief.get("data", "")),
        state=state.state,
        seeds=tuple(map(whole, brief["seeds"] or (0,))),
        group=str(origin.get("group", "")),
        preset=str(origin.get("preset", "")),
        study=str(origin.get("study", "")),
        study_id=str(origin.get("study_id", "")),
        rerun_of=str(origin.get("rerun_of", "")),
        attempt=state.attempt,
        reason=state.reason,
        failure=state.failure,
        next=state.next,
        priority=state.priority,
        place=state.place,
        device=str(result.get("device") or state.device),
        created=number(origin.get("created")) or 0.0,
        started=state.started,
        ended=state.ended,
        phase="done" if over else str(progress.get("phase", "")),
        step=whole(result.get("step") if over else progress.get("step")),
        total=whole(result.get("step") if over else progress.get("total")),
        steps_per_second=number(progress.get("steps_per_second")) or 0.0,
        heard=number(progress.get("time")),
        summary={name: tuple(map(number, entry["values"])) for name, entry in metrics.items()},
        errors={
            name: error
            for name, entry in metrics.items()
            if len(set(map(str, entry["values"]))) == 1  # one seed, or a value that they share
            if (error := number((items(entry.get("se")) or [None])[0])) is not None
        },
        health=newest_health(result, read_table(folder + HEALTH)),
        tags=tuple(map(str, items(notes.get("tags")))),
        note=str(notes.get("note", "")),
    )
