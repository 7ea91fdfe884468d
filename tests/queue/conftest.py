"""A store, and a scheduler in this process that starts real shims with the torch-free trainer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.queue.chaos import end_processes, until
from tests.queue.person import tiny_spec
from workbench.queue import readings
from workbench.queue.attempts import Keeper, Options
from workbench.queue.recovery import Limits
from workbench.store.runs import create_run
from workbench.store.state import RunState, Verb, load_state, write_request
from workbench.store.store import Store, open_store

TRAINER = (sys.executable, "-S", str(Path(__file__).with_name("trainer.py")))
OPTIONS = Options(slots=2, worker=TRAINER, grace=0.5, limits=Limits(crash_delay=0.0))


class Bench:
    """A keeper over a store, ticked by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keeper = Keeper(store, OPTIONS)

    def submit(self, name: str = "tiny", steps: int = 20, **resources: object) -> str:
        return create_run(self.store.paths, tiny_spec(name, steps, **resources))

    def ask(self, run_id: str, verb: Verb, value: int | None = None) -> None:
        write_request(self.store.run(run_id), verb, value)
        (self.store.paths.bell).write_bytes(b"")

    def state(self, run_id: str) -> RunState:
        return load_state(self.store.run(run_id))

    def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Tick until `condition` holds."""
        until(condition, seconds, self.keeper.tick)

    def until_state(self, run_id: str, state: str) -> RunState:
        self.until(lambda: self.state(run_id).state == state)
        return self.state(run_id)

    def until_step(self, run_id: str, step: int) -> None:
        metrics = self.store.run(run_id).metrics
        self.until(lambda: metrics.exists() and metrics.read_bytes().count(b"\n") >= step)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store; whatever works on it, or on one moved away, is ended with the test."""
    yield open_store(tmp_path / "runs")
    for folder in tmp_path.iterdir():
        end_processes(Store(folder, ""))


@pytest.fixture
def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(readings, "READING_SECONDS", 0.05)
    return Bench(store)
