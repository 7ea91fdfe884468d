"""Random SIGKILLs over every process of a store, and the checker that reports what they broke."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from tests.queue.trainer import expected
from workbench.store.runs import run_ids
from workbench.store.state import OVER, load_state, write_request
from workbench.store.store import Store, open_store

HERE = Path(__file__).parent
PRODUCT = (sys.executable, "-P", "-m", "workbench.queue.scheduler")
MUTANT = (sys.executable, str(HERE / "mutant.py"))
WORKER = shlex.join([sys.executable, "-S", str(HERE / "trainer.py")])
MARKS = {"person": "person.py", "scheduler": "--store", "shim": "shim.py", "worker": "trainer.py"}
# of the scheduler: no limit to attempts that a kill has ended
OPTIONS = ("--worker", WORKER, "--slots", "4", "--idle", "30", "--lost", "100000")
STAY = ("--worker", WORKER, "--slots", "2", "--idle", "30")
ENV = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}


def processes(store: Store) -> dict[str, list[int]]:
    """Return the processes that work on this store, by kind."""
    found: dict[str, list[int]] = {kind: [] for kind in MARKS}
    own, root = str(os.getpid()), os.fsencode(store.root)
    for entry in os.scandir("/proc"):  # called in every wait: three times as fast as with Path objects
        name = entry.name
        if not name.isdigit() or name == own:
            continue
        try:
            file = os.open(f"/proc/{name}/cmdline", os.O_RDONLY)
        except OSError:
            continue
        try:
            line = os.read(file, 65536)
        except OSError:
            continue
        finally:
            os.close(file)
        if root not in line:
            continue
        # The shim's argument names the trainer too, and the person's names the scheduler's options.
        arguments = line.decode(errors="replace").split("\0")
        for kind, mark in MARKS.items():
            if any(argument.endswith(mark) for argument in arguments[:7]):
                found[kind].append(int(name))
                break
    return found


class Storm:
    """Kills at random while a person submits runs."""

    def __init__(
        self, folder: Path, scheduler: Sequence[str], *, runs: int, steps: int, seed: int, quiet: bool = False
    ) -> None:
        self.store = open_store(folder)
        self.command = [sys.executable, str(HERE / "person.py"), str(self.store.root), str(runs), str(steps)]
        self.command += [*scheduler, *OPTIONS]
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.env = ENV | ({"PERSON_QUIET": "1"} if quiet else {})
        self.steps = steps
        self.runs = runs
        self._person: subprocess.Popen[bytes] | None = None

    def blow(self, kills: int, kinds: Sequence[str], pause: float) -> None:
        """Send SIGKILLs until there were `kills`, to one process of a random kind or ("all") to all at once.

        Most wait until a run is at work, however slow the machine: else it would only see schedulers start.
        """
        while sum(self.killed.values()) < kills:
            patience = time.monotonic() + self.random.choice([0.0, 5.0, 5.0, 5.0])
            time.sleep(self.random.uniform(0.2, 1.8) * pause)
            self._see_to_person()
            while not (living := processes(self.store))["shim"] and time.monotonic() < patience:
                time.sleep(0.02)
                self._see_to_person()
            living["all"] = list(chain(*living.values()))
            kind = self.random.choice([kind for kind in kinds if living[kind]] or ["none"])
            if kind == "none":
                continue
            for pid in living[kind] if kind == "all" else [self.random.choice(living[kind])]:
                _kill(pid)
            self.killed[kind] += 1

    def calm(self, timeout: float) -> None:
        """Let everything end: resume what is paused until all runs are over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._see_to_person()
            ids = run_ids(self.store.root)
            states = {run_id: load_state(self.store.run(run_id)) for run_id in ids}
            if len(ids) >= self.runs and all(state.state in OVER for state in states.values()):
                return
            for run_id, state in states.items():
                if state.state == "paused":
                    write_request(self.store.run(run_id), "resume")
            time.sleep(0.3)

    def end(self) -> None:
        """End all processes of this store."""
        end_processes(self.store)
        if self._person is not None:
            self._person.wait()

    def _see_to_person(self) -> None:
        if self._person is None or self._person.poll() is not None:
            log = self.store.root.with_name("person.log").open("ab")
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self._person = subprocess.Popen(self.command, **streams, env=self.env, start_new_session=True)
            log.close()

    def problems(self) -> list[str]:
        """Return everything that is wrong with the store after the storm."""
        found: list[str] = []
        ids = run_ids(self.store.root)
        log = self.store.root.with_name("submitted.txt")
        found += [f"{run_id}: lost" for run_id in log.read_text().split() if run_id not in ids]
        for run_id in ids:
            found += [f"{run_id}: {text}" for text in check_run(self.store, run_id, self.steps)]
        person = self.store.root.with_name("person.log").read_text()
        return found + ([f"person: {person[-2000:]}"] if "Traceback" in person else [])


def check_run(store: Store, run_id: str, steps: int) -> list[str]:
    """Return what is wrong with one run: not done, wrong, done twice at once, torn."""
    found = []
    paths = store.run(run_id)
    state = load_state(paths)
    if state.state != "finished":
        found.append(f"lost: {state}")
    for path in paths.root.rglob("*.json"):
        if path.name[0] == ".":
            continue  # half of an atomic write, as after any power cut
        try:
            json.loads(path.read_text())
        except ValueError:
            found.append(f"torn file {path.name}")
    try:
        events = [json.loads(line) for line in (paths.root / "ledger.jsonl").read_text().splitlines()]
        result = json.loads(paths.result.read_text())["metrics"]["loss"]["values"]
        lines = [json.loads(line)["step"] for line in paths.metrics.read_text().splitlines()]
    except (OSError, ValueError) as error:
        return [*found, f"unreadable: {error}"]
    names = Counter(event["event"] for event in events)
    if names["overlap"]:
        found.append(f"ran twice at the same time: {events}")
    if any(event.get("after_result") for event in events):
        found.append("ran again after its result")
    if len({event["attempt"] for event in events if event["event"] == "start"}) != names["start"]:
        found.append("one attempt started twice")
    if result != [expected(steps)]:
        found.append("wrong result")
    if lines != list(range(1, steps + 1)):
        found.append("metrics incomplete or repeated")
    return found


def starts(store: Store) -> int:
    """Return how often any worker was started."""
    ledgers = [store.run(run_id).root / "ledger.jsonl" for run_id in run_ids(store.root)]
    return sum(path.read_text().count('"start"') for path in ledgers if path.exists())


def end_processes(store: Store) -> None:
    """Kill all processes of this store, and those they have started meanwhile."""
    while pids := list(chain(*processes(store).values())):
        for pid in pids:
            _kill(pid)
        time.sleep(0.05)


def until(
    condition: Callable[[], bool], seconds: float = 20.0, between: Callable[[], None] | None = None
) -> None:
    """Wait until `condition` holds; `between` is called before each further look."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        if between is not None:
            between()
        time.sleep(0.01)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
