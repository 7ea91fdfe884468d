"""A worker without torch for tests of the queue: it counts, checkpoints, resumes and commits like a real one.

    python trainer.py RUN_FOLDER ATTEMPT

What it does is set by `training.iterations` (steps) and, for odd behaviour, by the run's name:
`crash`, `bad`, `oom`, `deaf` (ignores SIGTERM), `slow`, `brood` (leaves a grandchild behind), `large` (its
checkpoints have 100 kB; an error of the disk ends it as it ends the real worker).
Every start goes to an append-only ledger, and a lock of its own shows two workers at the same time.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

STEP_SECONDS = float(os.environ.get("TRAINER_STEP", "0.01"))
CHECKPOINT_EVERY = 5


def main(folder: str, attempt: str) -> int:
    """Train one attempt."""
    run = Path(folder)
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    ledger = os.open(run / "ledger.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def record(event: str, **more: object) -> None:
        line = {"event": event, "attempt": int(attempt), "pid": os.getpid(), "time": time.time(), **more}
        os.write(ledger, (json.dumps(line) + "\n").encode())

    alone = os.open(run / "trainer.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        record("overlap")
        return 1
    record("start", after_result=(run / "result.json").exists())

    spec = tomllib.loads((run / "spec.toml").read_text())
    name, total = spec["name"], spec["training"]["iterations"]
    if name == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if name == "brood":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=(alone,))
    if name == "bad":
        print("The data set is not here.")
        return 78
    if name == "oom":
        return 75

    (run / "checkpoints").mkdir(exist_ok=True)
    step, value, size = restore(run)
    metrics = os.open(run / "metrics.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.ftruncate(metrics, size)
    print("starts at", step, flush=True)
    while step < total:
        step += 1
        value = advance(value, step)
        line = {"step": step, "seconds": step * 0.01, "split": "train", "values": {"loss": [value]}}
        os.write(metrics, (json.dumps(line) + "\n").encode())
        if step % CHECKPOINT_EVERY == 0 or stop:
            note = {"schema": 1, "step": step, "metrics_bytes": os.fstat(metrics).st_size}
            replace(
                run / "checkpoints" / f"{step}.pt",
                {"value": value, "more": "x" * (10**5 * (name == "large"))},
            )
            replace(run / "checkpoints" / f"{step}.json", note)
        progress = {"phase": "training", "step": step, "total": total, "steps_per_second": 100.0}
        replace(run / "progress.json", {"schema": 1, "seconds": 0.0, "time": time.time(), **progress})
        if stop:
            record("stopped", step=step)
            return 76
        if name == "crash" and step == 7:
            raise RuntimeError("it broke at step 7")
        time.sleep(STEP_SECONDS * (20 if name == "slow" else 1))
    metric = {"values": [value], "se": [None], "n": 1}
    result = {"schema": 1, "outcome": "finished", "seeds": [0], "step": step, "seconds": step * 0.01}
    result |= {"finished": time.time(), "device": "cpu", "diverged": {}, "metrics": {"loss": metric}}
    record("result", committed=link(run / "result.json", result))
    return 0


def advance(value: int, step: int) -> int:
    """One step: exact, and different if any step is left out, repeated, or done from a wrong state."""
    return (value * 6364136223846793005 + step) % 2**61


def expected(total: int) -> int:
    """Return the result of an uninterrupted run."""
    value = 1
    for step in range(1, total + 1):
        value = advance(value, step)
    return value


def restore(run: Path) -> tuple[int, int, int]:
    """Return step, value and size of the metrics of the newest checkpoint, or those of a new run."""
    steps = sorted((int(p.stem) for p in (run / "checkpoints").glob("*.json")), reverse=True)
    if not steps:
        return 0, 1, 0
    note = json.loads((run / "checkpoints" / f"{steps[0]}.json").read_text())
    value = json.loads((run / "checkpoints" / f"{steps[0]}.pt").read_text())["value"]
    return steps[0], value, note["metrics_bytes"]


def replace(path: Path, value: object) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


def link(path: Path, value: object) -> bool:
    """Create `path` whole; False if it is there already."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value))
    try:
        os.link(temporary, path)
        return True
    except FileExistsError:
        return False
    finally:
        temporary.unlink()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2]))
    except OSError as error:
        print(f"Cannot read or write a file: {error.strerror}.", flush=True)
        sys.exit(80)
