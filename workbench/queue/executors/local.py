"""Attempts as processes of this machine: the lock shows whether one is alive, the claim who owns it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable

from workbench.queue.executors.base import Launch, Place, Status
from workbench.queue.liveness import holders, lock_held, process_of, signal_process, start_time
from workbench.queue.other_hosts import other_host
from workbench.store.files import read_json
from workbench.store.index import on_network
from workbench.store.paths import AttemptPaths, StorePaths

CLAIM_PATIENCE = 30.0  # seconds a started shim may take to claim its attempt


class LocalExecutor:
    """Starts one shim per attempt in a session of its own. A handle is the key."""

    def __init__(self, store: StorePaths) -> None:
        self._store = store
        self._shared = on_network(store.root)  # other machines may use it, and keep locks we cannot see
        self._shims: dict[str, tuple[subprocess.Popen[bytes], float]] = {}

    def submit(self, launch: Launch) -> str:
        if launch.key not in self._shims:
            log = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                process = subprocess.Popen(
                    launch.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **dict(launch.env)},
                    start_new_session=True,
                )
            finally:
                os.close(log)
            self._shims[launch.key] = (process, time.monotonic())
        return launch.key

    def poll(self, handles: Iterable[str]) -> dict[str, Status]:
        return {handle: self._status(handle) for handle in handles}

    def stop(self, handle: str, *, kill: bool = False) -> None:
        attempt = self._attempt(handle)
        pid, started = process_of(read_json(attempt.claim))
        if not kill and pid and signal_process(pid, started, signal.SIGTERM):
            return
        others = [member for member in holders(attempt.lock) if member not in (os.getpid(), pid)]
        for member in others:
            if not kill:
                signal_process(member, start_time(member), signal.SIGTERM)
                continue
            with contextlib.suppress(OSError):  # with all of its group: a worker leads a group of its own
                group = os.getpgid(member)
                if group != os.getpgid(0):
                    os.killpg(group, signal.SIGKILL)
        if kill and not others and pid:  # a shim that hangs without a worker
            signal_process(pid, started, signal.SIGKILL)

    def _status(self, handle: str) -> Status:
        """Look at the attempt's files; the shim is only asked about while it has not claimed."""
        attempt = self._attempt(handle)
        shim, since = self._shims.get(handle, (None, 0.0))
        ended = shim is None or shim.poll() is not None
        if ended:
            self._shims.pop(handle, None)
        if attempt.exit.exists():
            return Status(Place.GONE)
        # The claim is made under the lock, so it is checked first: a claim seen, and then a free lock,
        # means dead. If the lock were checked first, a shim could take both in between.
        claimed = attempt.claim.exists()
        held = lock_held(attempt.lock)
        if claimed and not held and self._shared and (host := other_host(read_json(attempt.claim))):
            reason = f"It was started by {host}: only that machine knows whether it is alive."
            return Status(Place.UNKNOWN, reason)
        if claimed:
            return Status(Place.RUNNING if held else Place.GONE)
        if held or (not ended and time.monotonic() - since < CLAIM_PATIENCE):
            return Status(Place.PENDING)
        return Status(Place.GONE, "never claimed", claimed=False)

    def _attempt(self, handle: str) -> AttemptPaths:
        run, _, number = handle.rpartition(".")
        return self._store.run(run).attempt(int(number))
