"""Workers as processes of their own that need not load torch again: forked from a server that has.

A new interpreter takes two seconds of CPU to load it. `tests/engine/test_worker.py` starts one; tests of
signals and kills need a process, but not that.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from workbench.engine import worker

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["workbench.engine.session", "workbench.engine.worker"])


class ForkedWorker:
    """A worker on its first attempt at a run; the methods are those of `subprocess.Popen`."""

    def __init__(self, folder: Path) -> None:
        self._errors = folder.with_name(f"{folder.name}.stderr")
        self._process = CONTEXT.Process(target=_work, args=(str(folder), str(self._errors)))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def finish(self) -> tuple[int, list[str]]:
        """Wait for the end; return the exit code and the lines of standard error."""
        self._process.join(120)
        assert self._process.exitcode is not None
        return self._process.exitcode, self._errors.read_text().splitlines()


def _work(folder: str, errors: str) -> None:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    sys.exit(worker.main([folder, "1"]))
