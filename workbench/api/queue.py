"""The queue: submit runs, send requests to them, start and stop the scheduler, run in the foreground."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.api.data import check_data, example_shape
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
from workbench.spec.picture_nets import NETS, check_nets
from workbench.store.files import read_toml
from workbench.store.finished import find_finished
from workbench.store.json_fields import table
from workbench.store.run_row import RunRow
from workbench.store.runs import command_line, create_run
from workbench.store.state import ALLOWED, PRIORITIES, VERBS, Verb, load_state, read_requests, write_request
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
    "move",
    "not_taken_up",
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
    after: Sequence[str] = (),
    priority: int = 0,
    inline: bool = False,
) -> list[str]:
    """Queue the specs, start the scheduler if none is running, and return the ids of the new runs.

    A family that does not stack becomes one run per seed. `preset`, `overrides`, `study`, `study_id` and
    `rerun_of` are kept with the run as its origin; a higher `priority` (-1000 … 1000) starts earlier. Runs
    of `after` (ids or parts of them) must finish first; if one fails or is cancelled, these are cancelled.
    With `inline` the runs are held (paused) for `run_inline`, and no scheduler is started.

    Raises:
        WorkbenchError: as `check_specs`, or if `training.init_from` names no finished run (3) or one that has
            not finished (2) and is not in `after`, and then nothing is queued; exit code 2 for a priority out
            of range or a run `after` that can no longer finish, 3 for an unknown one, 5 if the store cannot
            be written.

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
    first = _runs_to_follow(store, after)
    for name in sorted({spec.training.init_from for spec in alone} - {"", *first}):
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
                    after=first,
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
    """Check devices, data and nets before anything is queued; return the specs with hashes of own data.

    Raises:
        WorkbenchError: exit code 6 for a device that is not on this machine, 8 for data that cannot be
            used, or are missing and cannot be downloaded, 2 for a net that cannot take the data.
    """
    given = list(specs)
    chosen = os.environ.get(VISIBLE)
    for device in sorted({spec.resources.device for spec in given}):
        check_device(device, chosen=chosen)
    distinct = {spec.data.model_dump_json(): spec.data for spec in given}
    checked = {text: check_data(data) for text, data in distinct.items()}
    found = [spec.model_copy(update={"data": checked[spec.data.model_dump_json()]}) for spec in given]
    with_nets = [spec for spec in found if getattr(spec.model, "net", "") in NETS]
    distinct = {spec.data.model_dump_json(): spec.data for spec in with_nets}
    shapes = {text: example_shape(data) for text, data in distinct.items()}  # own data are hashed for it
    for spec in with_nets:
        if shape := shapes[spec.data.model_dump_json()]:
            check_nets(spec.model, shape, Path(spec.data.path).name or spec.data.name)
    return found


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


def request_all(
    store: Store, run_ids: Iterable[str], verb: Verb, value: int | None = None
) -> tuple[list[str], list[WorkbenchError]]:
    """Send one request to several runs; return the ids of those that allow it, and why others do not.

    Raises:
        WorkbenchError: if none of the runs allows it: the first of the reasons (2, 3, 5 or 8).
    """
    store.must_be_writable()
    if verb not in VERBS or verb == "move":  # for which there is `move`
        raise WorkbenchError(f"There is no request '{verb}'.", did_you_mean(verb, VERBS))
    done: list[str] = []
    refused: list[WorkbenchError] = []
    checked: dict[str, WorkbenchError | None] = {}  # own data as written in a spec → what is wrong with them
    rows = {row.id: row for row in list_runs(store)}
    for text in dict.fromkeys(run_ids):
        try:
            run_id = rows[text].id if text in rows else find_run(store, text).id
            if run_id in done:
                continue
            _must_make_sense(store, run_id, verb, value)
            if verb in ("resume", "retry"):
                _must_have_the_same_data(store, run_id, verb, checked)
            _write_request(store, run_id, verb, value)
            done.append(run_id)
        except WorkbenchError as error:
            refused.append(error)
    if refused and not done:
        raise refused[0]
    if done:
        ensure_scheduler(store)
    return done, refused


def move(store: Store, run_id: str, *, before: str = "", last: bool = False) -> None:
    """Move a waiting run to the front of the queue, before another waiting run, or to the end.

    It takes the priority of its new neighbour.

    Raises:
        WorkbenchError: exit code 3 for an unknown run, 2 for one that does not wait, 5 for a store that
            cannot be written.
    """
    row = find_run(store, run_id)
    _must_make_sense(store, row.id, "move", None)
    others = sorted(
        (r for r in list_runs(store) if r.allows("move") and r.id != row.id), key=lambda r: r.turn
    )
    if before:
        target = find_run(store, before)
        at = next((k for k, other in enumerate(others) if other.id == target.id), None)
        if at is None:
            why = "it is the same run" if target.id == row.id else f"{target.id} is {target.state}"
            raise WorkbenchError(f"Cannot move {row.id} before {target.id}: {why}.", "Choose a waiting run.")
    else:
        at = len(others) if last else 0
    if not others:
        return
    neighbour = others[min(at, len(others) - 1)]
    priority, place = neighbour.priority, neighbour.turn[1]
    if at == len(others):
        place += 1.0
    else:
        earlier = [other.turn[1] for other in others[:at] if other.priority == priority]
        place = (earlier[-1] + place) / 2 if earlier else place - 1.0
        if earlier and not earlier[-1] < place < neighbour.turn[1]:
            hint = "Use `workbench queue priority`."
            raise WorkbenchError(f"Cannot move {row.id} there: the two runs are too close.", hint)
    _write_request(store, row.id, "move", priority, place)
    ensure_scheduler(store)


def _write_request(
    store: Store, run_id: str, verb: Verb, value: int | None, place: float | None = None
) -> None:
    try:
        write_request(store.run(run_id), verb, value, place)
    except OSError as error:
        title = f"Cannot write the request for {run_id}: {error.strerror}."
        raise WorkbenchError(title, "Change the run's permissions, or free some space.", STORE) from None


def _runs_to_follow(store: Store, after: Sequence[str]) -> list[str]:
    """Return the ids of the runs that must finish first; raise a WorkbenchError if one cannot any more."""
    rows = [find_run(store, text) for text in after]
    for row in rows:
        if row.state in ("failed", "cancelled"):
            title = f"Cannot queue runs after {row.id}: it is {row.state}."
            raise WorkbenchError(title, f"Retry it first: `workbench queue retry {row.id}`.")
    return list(dict.fromkeys(row.id for row in rows))


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


def _must_have_the_same_data(
    store: Store, run_id: str, verb: Verb, checked: dict[str, WorkbenchError | None]
) -> None:
    """Raise a WorkbenchError if own data of a run are gone or changed; the worker would refuse them too.

    `checked` keeps what was found, since the runs of a sweep share their data.
    """
    data = table((read_toml(store.run(run_id).spec) or {}).get("data"))
    if not data.get("path"):
        return
    text = json.dumps(data)
    if text not in checked:
        try:
            check_data(DataSettings.model_validate_json(text))
            checked[text] = None
        except WorkbenchError as problem:
            checked[text] = problem
    if fault := checked[text]:
        raise WorkbenchError(f"Cannot {verb} {run_id}. {fault.title}", fault.hint, DATA)


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
    if not any(row.scheduled for row in rows):
        return list(rows)
    return waits.explained(store.paths, rows, serving=scheduler_status(store).running)


def not_taken_up(store: Store, run_ids: Iterable[str], patience: float = 5.0) -> str:
    """Wait until the scheduler has taken up the requests to these runs; return why it does not, if so.

    A resume or retry of a run that is still being stopped waits for its end, and counts as taken up.
    """
    left, deadline = list(run_ids), time.monotonic() + patience
    while True:
        left = [run_id for run_id in left if _asked(store, run_id)]
        if not left:
            return ""
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    why = scheduler_status(store).message or "See .workbench/scheduler.log."
    return f"The scheduler has not taken up the request after {patience:g} s. {why}"


def _asked(store: Store, run_id: str) -> bool:
    paths = store.run(run_id)
    return bool(read_requests(paths)) and not load_state(paths).stopping


def forecast(store: Store, spec: RunSpec) -> Forecast | None:
    """Return how long `spec` will take (seconds), from finished runs on this machine; None if unknown.

    >>> api.queue.forecast(store, api.presets.resolve("lae-digits")) is None  # no such run has finished
    True
    """
    return learnt.forecast(store, spec, list_runs(store, states=["finished"]))
