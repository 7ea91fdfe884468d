"""The process between scheduler and worker, run for real with tiny workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.queue.chaos import until
from workbench.exit_codes import WorkerExit
from workbench.queue import shim
from workbench.queue.liveness import holders, lock_held
from workbench.store.files import create_json
from workbench.store.paths import AttemptPaths


def job(tmp_path: Path, code: str, **changes: Any) -> list[str]:
    """Return the shim's command for a worker that is a line of Python."""
    attempt = AttemptPaths(tmp_path)
    value = {name: str(getattr(attempt, name)) for name in ("lock", "claim", "exit")}
    value |= {"log": str(tmp_path / "worker.log"), "progress": str(tmp_path / "progress.json")}
    value |= {"key": "run.1", "argv": [sys.executable, "-S", "-c", code], "log_limit": 8 << 20, **changes}
    return [sys.executable, "-I", "-S", shim.__file__, json.dumps(value)]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize(("code", "signal"), [(0, 0), (3, 0), (75, 0), (78, 0), (137, 9)])
def test_an_exit_code_and_a_signal_are_kept(tmp_path: Path, code: int, signal: int) -> None:
    end = f"os.kill(os.getpid(), {signal})" if signal else f"raise SystemExit({code})"
    assert subprocess.run(job(tmp_path, f"import os; {end}")).returncode == 0
    found, claim = read(tmp_path / "exit.json"), read(tmp_path / "claim.json")
    assert (found["code"], found["signal"], claim["key"]) == (code, signal, "run.1")
    assert claim["pid"] > 0 and claim["start_time"] > 0 and claim["boot_id"]


def test_output_goes_to_the_log_progress_says_starting_and_files_are_private(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"step": 40, "total": 90}')
    subprocess.run(job(tmp_path, "import sys; print('out'); print('err', file=sys.stderr)"), umask=0)
    assert set((tmp_path / "worker.log").read_text().split()) == {"out", "err"}
    progress = read(tmp_path / "progress.json")
    assert (progress["phase"], progress["step"], progress["total"]) == ("starting", 40, 90)
    assert [path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077] == []


def test_a_void_or_taken_attempt_starts_nothing(tmp_path: Path) -> None:
    create_json(tmp_path / "claim.json", {"schema": 1, "void": "too late"})
    assert subprocess.run(job(tmp_path, "print('never')")).returncode == WorkerExit.ATTEMPT_TAKEN
    assert not (tmp_path / "worker.log").exists() and not (tmp_path / "exit.json").exists()


def test_of_many_shims_for_one_attempt_one_runs(tmp_path: Path) -> None:
    command = job(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    shims = [subprocess.Popen(command) for _ in range(6)]
    codes = sorted(process.wait() for process in shims)
    assert codes == [0, *[WorkerExit.ATTEMPT_TAKEN] * 5]
    assert (tmp_path / "ran").read_text() == "x"


def test_a_killed_shim_leaves_the_worker_its_lock(tmp_path: Path) -> None:
    process = subprocess.Popen(job(tmp_path, "import time; time.sleep(60)"))
    lock = tmp_path / "lock"
    until(lambda: len(holders(lock)) == 2)
    process.kill()
    process.wait()
    assert lock_held(lock)
    (worker,) = holders(lock)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not lock_held(lock))
    assert not (tmp_path / "exit.json").exists()


def test_sigterm_reaches_the_worker_and_its_answer_is_kept(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(76));"
        "print('up', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(job(tmp_path, code))
    log = tmp_path / "worker.log"
    until(lambda: log.exists() and "up" in log.read_text())
    process.terminate()
    process.wait(10)
    assert read(tmp_path / "exit.json")["code"] == 76


def test_grandchildren_end_with_the_worker(tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid)"
    subprocess.run(job(tmp_path, code))
    child = int((tmp_path / "worker.log").read_text())
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


def test_a_worker_that_cannot_start_is_reported_in_the_log(tmp_path: Path) -> None:
    subprocess.run(job(tmp_path, "", argv=["/no/such/program"]))
    assert read(tmp_path / "exit.json")["code"] == 127
    assert "cannot start the worker" in (tmp_path / "worker.log").read_text()


def test_a_long_log_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    code = (
        "import os, time; os.write(1, b''.join(b'line %d\\n' % k for k in range(20000)))\n"
        "while os.fstat(1).st_size > 40000: time.sleep(0.02)\n"
        "print('the end')"
    )
    subprocess.run(job(tmp_path, code, log_limit=40_000))
    log = (tmp_path / "worker.log").read_text().splitlines()
    assert (log[0], log[-2], log[-1]) == ("line 0", "line 19999", "the end")
    assert sum("left out" in line for line in log) == 1
    assert (tmp_path / "worker.log").stat().st_size < 40_000


def test_the_shim_starts_with_few_modules() -> None:
    """It waits beside every worker, so it stays small: of workbench only the exit codes."""
    code = (
        f"import runpy, sys; sys.argv = [sys.executable, '{{}}']\n"
        f"try: runpy.run_path({shim.__file__!r}, run_name='__main__')\n"
        "except KeyError: print(*sys.modules)"  # a job without a lock
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True).stdout.split()
    ours = [name for name in loaded if name.startswith("workbench")]
    assert ours == ["workbench", "workbench.exit_codes"]
    assert not {"numpy", "pydantic", "torch", "asyncio"} & set(loaded)
