"""The queue: submit runs, send requests to them, start and stop the scheduler, run in the foreground."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.api.data import check_data
from workbench.api.runs import find_run, list_runs
from workbench.errors import DATA, STORE, WorkbenchError, did_you_mean
from workbench.queue import forecast as learnt
from workbench.queue import waits
from workbench.queue.attempt_command import VISIBLE, submitter_variables
from workbench.queue.client import SchedulerStatus, ensure_scheduler, scheduler_status, stop_scheduler
from workbench.queue.devices import check_device
from workbench.queue.forecast import Forecast
from workbench.queue.foreground import run_inline
from workbench.spec.data.settings import DataSettings
from workbench.spec.models import settings_class
from workbench.store.files import read_toml
from workbench.store.finished import find_finished
from workbench.store.json_fields import table
from workbench.store.run_row import RunRow
from workbench.store.runs import command_line, create_run
from workbench.store.state import ALLOWED, PRIORITIES, VERBS, Verb, load_state, write_request
from workbench.store.store import Store

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

__all__ = [
    "Forecast",
    "SchedulerStatus",
    "Verb",
    "check_specs",
    "ensure_scheduler",
    "explained",
    "forecast",
    "request",
    "request_all",
    "run_inline",
    "scheduler_status",
    "stop_scheduler",
    "submit",
    "why_waiting",
]

HELD = "Held for a run in the foreground; resume hands it to the scheduler."


def submit(
    store: Store,
    specs: Iterable[RunSpec],
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    study: str | None = None,
    study_id: str | None = None,
    rerun_of: str = "",
    priority: int = 0,
    inline: bool = False,
) -> list[str]:
    """Queue the specs, start the scheduler if none is running, and return the ids of the new runs.

    A family that does not stack becomes one run per seed. `preset`, `overrides`, `study`, `study_id` and
    `rerun_of` are kept with the run as its origin; a higher `priority` (-1000 … 1000) starts earlier. With
    `inline` the runs are held (paused) for `run_inline`, and no scheduler is started.

    Raises:
        WorkbenchError: as `check_specs`, or if `training.init_from` names no finished run (3) or one that has
            not finished (2), and then nothing is queued; exit code 2 for a priority out of range,
            5 if the store cannot be written.

    >>> specs = api.presets.expand("vae-digits", ["training.iterations=50"], ["model.latent=2,8"], seeds=3)
    >>> ids = api.queue.submit(store, specs, preset="vae-digits")
    >>> [api.runs.find_run(store, run_id).state for run_id in ids]
    ['queued', 'queued']
    """
    store.must_be_writable()
    if priority not in PRIORITIES:
        raise WorkbenchError(f"Invalid priority {priority}: must be from -1000 to 1000.")
    alone: list[RunSpec] = []
    for spec in specs:
        stacks = len(spec.seeds) == 1 or settings_class(spec.model.kind).stackable
        alone += [spec] if stacks else [spec.model_copy(update={"seeds": [seed]}) for seed in spec.seeds]
    alone = check_specs(alone)
    for name in sorted({spec.training.init_from for spec in alone} - {""}):
        find_finished(name, store.paths, "training.init_from")
    made: list[str] = []
    try:
        for spec in alone:
            made.append(
                create_run(
                    store.paths,
                    spec,
                    preset=preset,
                    overrides=overrides,
                    study=study,
                    study_id=study_id,
                    rerun_of=rerun_of,
                    priority=priority,
                    command=command_line(),
                    variables=submitter_variables(),
                    held=HELD if inline else "",
                )
            )
    except OSError as error:
        hint = "Free some space or choose another store with --store."
        hint += f" {len(made)} of {len(alone)} runs were queued." if made else ""
        raise WorkbenchError(
            f"Cannot write the run to {store.root}: {error.strerror}.", hint, STORE
        ) from None
    finally:
        if made and not inline:
            ensure_scheduler(store)
    return made


def check_specs(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """Check devices and data before anything is queued; return the specs with hashes of own data filled in.

    Raises:
        WorkbenchError: exit code 6 for a device that is not on this machine, 8 for data that cannot be
            used, or are missing and cannot be downloaded.
    """
    given = list(specs)
    chosen = os.environ.get(VISIBLE)
    for device in sorted({spec.resources.device for spec in given}):
        check_device(device, chosen=chosen)
    distinct = {spec.data.model_dump_json(): spec.data for spec in given}
    checked = {text: check_data(data) for text, data in distinct.items()}
    return [spec.model_copy(update={"data": checked[spec.data.model_dump_json()]}) for spec in given]


def request(store: Store, run_id: str, verb: Verb, value: int | None = None) -> None:
    """Send a request to a run: "cancel", "pause", "resume", "retry" or "priority" (with a `value`).

    Returns at once; the scheduler acts within a second.

    Raises:
        WorkbenchError: exit code 3 for an unknown run, 2 for a request that its state does not allow, 5 if it
            cannot be written, 8 for a resume or retry whose own data have changed.

    >>> api.queue.request(store, "fuze", "pause")
    Traceback (most recent call last):
    workbench.errors.WorkbenchError: Cannot pause ...: it is finished. ...
    """
    request_all(store, [run_id], verb, value)


def request_all(store: Store, run_ids: Iterable[str], verb: Verb, value: int | None = None) -> list[str]:
    """Send one request to several runs, or to none if one of them does not allow it; return their ids.

    Raises:
        WorkbenchError: if the request is unknown or not allowed (2), cannot be written (5), or would continue
            on changed data (8).
    """
    store.must_be_writable()
    if verb not in VERBS:
        raise WorkbenchError(f"There is no request '{verb}'.", did_you_mean(verb, VERBS))
    ids = list(dict.fromkeys(find_run(store, run_id).id for run_id in run_ids))
    for run_id in ids:
        _must_make_sense(store, run_id, verb, value)
    if verb in ("resume", "retry"):
        _must_have_the_same_data(store, ids, verb)
    try:
        for run_id in ids:
            write_request(store.run(run_id), verb, value)
    except OSError as error:
        hint = "Change the run's permissions, or free some space."
        raise WorkbenchError(f"Cannot write the request: {error.strerror}.", hint, STORE) from None
    ensure_scheduler(store)
    return ids


def _must_make_sense(store: Store, run_id: str, verb: Verb, value: int | None) -> None:
    """Raise a WorkbenchError if the run's state does not allow the request."""
    if verb == "priority" and (value is None or value not in PRIORITIES):
        raise WorkbenchError(f"Invalid priority {value}: must be a whole number from -1000 to 1000.")
    state = load_state(store.run(run_id))
    if verb == "retry" and state.failure == "diverged":
        raise WorkbenchError(f"Cannot retry {run_id}: it diverged and would diverge again.", state.next)
    # A request made while the worker stops counts for the state it is stopping into.
    into = {"cancel": "cancelled", "pause": "paused"}.get(state.stopping, state.state)
    if state.state not in ALLOWED[verb] and into not in ALLOWED[verb]:
        what = f"change the priority of {run_id}" if verb == "priority" else f"{verb} {run_id}"
        able = " or ".join(ALLOWED[verb])
        raise WorkbenchError(f"Cannot {what}: it is {state.state}.", f"It must be {able}.")


def _must_have_the_same_data(store: Store, ids: Iterable[str], verb: Verb) -> None:
    """Raise a WorkbenchError if own data of a run are gone or changed; the worker would refuse them too."""
    runs: dict[str, str] = {}  # data as written in a spec → one of its runs
    for run_id in ids:
        data = table((read_toml(store.run(run_id).spec) or {}).get("data"))
        if data.get("path"):
            runs.setdefault(json.dumps(data), run_id)
    for text, run_id in runs.items():
        try:
            check_data(DataSettings.model_validate_json(text))
        except WorkbenchError as problem:
            raise WorkbenchError(f"Cannot {verb} {run_id}. {problem.title}", problem.hint, DATA) from None


def why_waiting(store: Store, rows: Iterable[RunRow]) -> str:
    """Return what blocks the live ones of `rows`, or an empty string: no scheduler, a full disk."""
    if not any(row.scheduled for row in rows):
        return ""
    status = scheduler_status(store)
    if not status.running:
        return "No scheduler is running: `workbench scheduler start` starts one."
    return status.message


def explained(store: Store, rows: Sequence[RunRow]) -> list[RunRow]:
    """Return the rows; the `reason` of those that wait in the queue says for what, and for about how long.

    >>> api.queue.explained(store, api.runs.list_runs(store)) == api.runs.list_runs(store)  # none waits here
    True
    """
    if not any(row.state == "queued" for row in rows) or not scheduler_status(store).running:
        return list(rows)
    return waits.explained(store.paths, rows)


def forecast(store: Store, spec: RunSpec) -> Forecast | None:
    """Return how long `spec` will take (seconds), from finished runs on this machine; None if unknown.

    >>> api.queue.forecast(store, api.presets.resolve("lae-digits")) is None  # no such run has finished
    True
    """
    return learnt.forecast(store, spec, list_runs(store, states=["finished"]))
