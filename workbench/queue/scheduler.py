"""The background process of a store: one at a time by a lock, ends when there is nothing to do.

python -m workbench.queue.scheduler --store FOLDER [--worker "argv …"] [--idle SECONDS] [--slots N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from workbench import __version__
from workbench.errors import WorkbenchError
from workbench.queue.active_runs import modified
from workbench.queue.attempt_command import WORKER
from workbench.queue.attempts import Keeper, Options
from workbench.queue.liveness import alive, boot_id, same_lock, start_time, take_lock
from workbench.queue.other_hosts import BEAT_SECONDS, scheduler_elsewhere
from workbench.queue.recovery import Limits
from workbench.settings import user_settings
from workbench.store.files import read_json, write_json
from workbench.store.index import on_network
from workbench.store.store import Store, open_store

BUSY_NAP = 0.1  # seconds between ticks while runs live
CALM_NAP = 0.25  # the same where no run has changed for CALM_SECONDS: most ticks find nothing
CALM_SECONDS = 10.0
IDLE_NAP = 0.2
TROUBLE_NAP = 1.0
LOCK_PATIENCE = 2.0  # seconds: others test the lock by taking it for a moment
SETTLED_NS = 10**8  # age at which a change of the store cannot share its time with a later one


class Process:
    """The loop around a keeper: lock, address file, idle time, signals."""

    def __init__(self, store: Store, options: Options, keeper: type[Keeper] = Keeper) -> None:
        self.store = store
        self.options = options
        self.stopping = False
        self._keeper_class = keeper
        self._written: str | None = None  # the message in our address file
        self._started = time.time()
        self._shared = on_network(store.root)  # then the address file must show that we live
        self._announced = float("-inf")

    def run(self) -> int:
        """Serve the store until idle or stopped; returns at once if another scheduler does."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        while True:
            lock = self._take_lock()
            if lock is None:
                return 0
            if host := scheduler_elsewhere(self.store.paths):
                _say(f"The scheduler of {host} serves this store.")
                os.close(lock)
                return 0
            try:
                signs = self._serve(lock)
            finally:
                with contextlib.suppress(OSError):
                    if same_lock(lock, self.store.paths.scheduler_lock):
                        self.store.paths.scheduler.unlink(missing_ok=True)
                os.close(lock)
            # Clients that found the lock held relied on us: what came since the last look must not be left.
            if self.stopping or signs is None or self._signs() == signs:
                return 0

    def _serve(self, lock: int) -> tuple[int, int] | None:
        """Tick until there is nothing to do; returns the signs of the last look, None if asked to end.

        Ends too when its lock no longer is the store's: the store was moved, or another took its place,
        and a second scheduler may have been started there.
        """
        self._announce("")  # before the first look, which may take a second
        keeper = self._keeper_class(self.store, self.options)
        quiet_since = changed = time.monotonic()
        version = -1
        while not self.stopping and same_lock(lock, self.store.paths.scheduler_lock):
            signs = self._signs()
            nap = IDLE_NAP
            try:
                keeper.tick()
                self._announce(keeper.message)
            except Exception:
                if not self.store.root.is_dir():
                    return None  # the store is gone, and with it all there was to do
                # One damaged run must not stop the others.
                keeper.say(traceback.format_exc())
                nap = TROUBLE_NAP
            now = time.monotonic()
            if not keeper.idle or signs != self._signs() or time.time_ns() - max(signs) < SETTLED_NS:
                quiet_since = now
            if now - quiet_since >= self.options.idle and keeper.idle:
                return signs
            if keeper.board.version != version:
                version, changed = keeper.board.version, now
            if not keeper.idle and nap != TROUBLE_NAP:
                nap = BUSY_NAP if now - changed < CALM_SECONDS else CALM_NAP
            time.sleep(nap)
        return None

    def _signs(self) -> tuple[int, int]:
        paths = self.store.paths
        return modified(paths.root), modified(paths.bell)

    def _announce(self, message: str) -> None:
        """Keep `scheduler.json` true: this process, its version, and what keeps it from starting runs."""
        late = self._shared and time.monotonic() - self._announced > BEAT_SECONDS
        if message == self._written and self.store.paths.scheduler.exists() and not late:
            return
        document = {
            "schema": 1,
            "pid": os.getpid(),
            "start_time": start_time(os.getpid()),
            "boot_id": boot_id(),
            "host": socket.gethostname(),
            "started": self._started,
            "version": __version__,
            "message": message,
        }
        with contextlib.suppress(OSError):  # on a full disk only the address is missing
            write_json(self.store.paths.scheduler, document, durable=False)
            self._written, self._announced = message, time.monotonic()

    def _take_lock(self) -> int | None:
        """Take the store's lock; None if another scheduler keeps it.

        It does not wait beside a living one: it would take over when that is stopped.
        """
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            handle = take_lock(self.store.paths.scheduler_lock)
            served = alive(read_json(self.store.paths.scheduler))
            if handle is not None or time.monotonic() > deadline or self.stopping or served:
                return handle
            time.sleep(0.02)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        """Exit after this tick, and leave the workers alone."""
        self.stopping = True


def _say(text: str) -> None:
    """Write to the scheduler's log, if that can be written."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def parse(arguments: Sequence[str] | None) -> tuple[Path, Options]:
    """Return the store's folder and the options of this process."""
    default = Options()
    parser = argparse.ArgumentParser(prog="workbench.queue.scheduler", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--worker", default="", help="command in place of the training worker")
    parser.add_argument("--idle", type=float, default=default.idle, help="seconds until it ends")
    parser.add_argument("--slots", type=int, default=0, help="CPU threads for runs; 0: one per core")
    parser.add_argument("--grace", type=float, default=default.grace, help="seconds from TERM to KILL")
    parser.add_argument("--lost", type=int, default=Limits().lost, help="attempts lost in a row")
    given = parser.parse_args(arguments)
    options = Options(
        slots=given.slots,
        worker=tuple(shlex.split(given.worker)) or WORKER,
        idle=given.idle,
        grace=given.grace,
        limits=replace(Limits(), lost=given.lost),
    )
    return given.store, options


def main(arguments: Sequence[str] | None = None, keeper: type[Keeper] = Keeper) -> int:
    """Run a scheduler process; `keeper` lets tests put a faulty one in."""
    os.umask(0o077)
    folder, options = parse(arguments)
    try:
        store = open_store(folder, create=False)
        store.must_be_writable()
        user = user_settings()
        options = replace(
            options,
            slots=options.slots or user.cpu_slots,
            runs_per_gpu=user.runs_per_gpu,
            gpu_runs=user.gpu_runs,
        )
    except WorkbenchError as error:
        _say(str(error))
        return error.exit_code
    return Process(store, options, keeper).run()


if __name__ == "__main__":
    sys.exit(main())
