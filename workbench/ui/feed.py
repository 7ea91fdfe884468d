"""Polls the store in a thread of its own and reports changes to the screens, so that they never wait."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.errors import WorkbenchError
from workbench.ui.formatting import line
from workbench.ui.messages import FeedTrouble, LiveChanged, MetersChanged, RunsChanged
from workbench.ui.widgets.meters import meter_parts

if TYPE_CHECKING:
    from textual.message import Message

    from workbench.api.live import LiveRun
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store

SLOW = 2.0  # seconds between looks at the meters and at the terminal
REST = 4.0  # rests at least this many times as long as a poll took, so that a slow store leaves the core free
KEPT = 8  # runs whose curves stay in memory, to come back to


class Feed:
    """Polls the list of runs and the watched runs. `post` takes messages from this thread."""

    def __init__(self, store: Store, post: Callable[[Message], Any], rate: float = 2.0) -> None:
        """`rate` is in polls per second."""
        self.store = store
        self.period = 1.0 / rate
        self._post = post
        self._bell = threading.Event()
        self._stopped = False
        self._wanted: tuple[str, ...] = ()
        self._lives: dict[str, LiveRun] = {}
        self._reported: tuple[str, ...] | None = None  # the runs of the last LiveChanged
        self._rows: list[RunRow] | None = None
        self._scheduler = ""
        self._trouble = ""

    def watch(self, run_ids: Sequence[str]) -> None:
        """Poll these runs from now on, instead of those before."""
        self._wanted = tuple(run_ids)
        self._reported = None
        self._bell.set()

    def hurry(self) -> None:
        """Poll at once: a request has just been made to the queue."""
        self._bell.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._bell.set()

    def run(self, watch_terminal: bool = False) -> None:
        """Poll until `stop`. `watch_terminal` ends the process with its terminal, and wakes the scheduler.

        Nothing is lost with the process: everything that counts is in the store. Where the hang-up signal
        is not delivered, the screens would spin on a dead terminal for ever.
        """
        slow = 0.0
        if watch_terminal:
            self._wake_scheduler()
        while not self._stopped:
            begun = time.monotonic()
            self.look()
            if begun - slow >= SLOW:
                slow = begun
                if watch_terminal and sys.__stdin__ is not None and not os.isatty(sys.__stdin__.fileno()):
                    os._exit(129)
                self._look_at_machine()
            spent = time.monotonic() - begun
            self._bell.wait(max(self.period, REST * spent))
            self._bell.clear()

    def _wake_scheduler(self) -> None:
        """Start the scheduler if runs wait for one: after a reboot nothing else would continue them."""
        with contextlib.suppress(WorkbenchError, OSError):  # `look` reports what is wrong with the store
            rows = api.runs.list_runs(self.store)
            waiting = any(row.scheduled for row in rows)
            if waiting and not self.store.read_only:
                api.queue.ensure_scheduler(self.store)

    def look(self) -> None:
        """Poll once, and report what changed. Errors are reported, not raised."""
        try:
            self._look_at_runs()
            self._look_at_lives()
            trouble = ""
        except WorkbenchError as error:
            trouble = str(error)
        except OSError as error:
            trouble = f"The store cannot be read: {error.strerror or error}."
        except Exception as error:  # a bug in a reader must not end the screens
            trouble = f"The store cannot be read ({type(error).__name__}: {error})."
        if trouble != self._trouble:
            self._trouble = trouble
            self._post(FeedTrouble(line(trouble, 300)))

    def _look_at_runs(self) -> None:
        rows = api.queue.explained(self.store, api.runs.list_runs(self.store))
        status = api.queue.scheduler_status(self.store)
        scheduler = "scheduler running" if status.running else "scheduler idle"
        if status.message:
            scheduler = f"scheduler: {line(status.message, 60)}"
        if rows != self._rows or scheduler != self._scheduler:
            self._rows, self._scheduler = rows, scheduler
            self._post(RunsChanged(rows, scheduler))

    def _look_at_lives(self) -> None:
        wanted, changed = self._wanted, False
        lives: dict[str, LiveRun] = {}
        for run_id in wanted:
            try:
                live = self._lives.get(run_id) or api.live.LiveRun(self.store, run_id)
            except WorkbenchError:  # it was deleted a moment ago
                continue
            changed |= live.poll()
            lives[run_id] = live
        kept = {key: live for key, live in self._lives.items() if key not in lives}
        self._lives = {**dict(list(kept.items())[-KEPT:]), **lives}
        if changed or wanted != self._reported:
            self._reported = wanted
            self._post(LiveChanged(lives))

    def _look_at_machine(self) -> None:
        try:
            self._post(MetersChanged(meter_parts(api.devices.meters())))
        except Exception:  # a failing driver must not stop the polling
            self._post(MetersChanged(()))
