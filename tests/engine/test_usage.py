"""What an attempt takes is recorded after its first steps, when it grows, and at its end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tests.engine.small import small_spec
from workbench.engine import usage, worker
from workbench.engine.process import Stop
from workbench.engine.usage import UsageRecord
from workbench.store.paths import AttemptPaths
from workbench.store.runs import create_run
from workbench.store.store import open_store
from workbench.store.usage import Usage, read_usage

MIB = 1 << 20


@pytest.fixture
def attempt(tmp_path) -> AttemptPaths:
    return AttemptPaths(tmp_path)


def test_a_real_attempt_leaves_its_record(tmp_path) -> None:
    store = open_store(tmp_path / "runs")
    paths = store.run(create_run(store.paths, small_spec("vae", [0], 20)))
    paths.attempt(3).root.mkdir(parents=True)
    assert worker.attempt(paths, 3, Stop()) == 0
    found = read_usage(paths.attempt(3))
    assert found is not None and found.host_mb > 50 and not found.on_gpu and found.gpu_mb == 0


def test_a_failed_attempt_leaves_its_record_too(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "runs")
    paths = store.run(create_run(store.paths, small_spec("vae", [0], 20)))
    paths.attempt(1).root.mkdir(parents=True)

    def fail(*arguments: object, **named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("workbench.engine.session.load", fail)
    with pytest.raises(torch.OutOfMemoryError):
        worker.attempt(paths, 1, Stop())
    assert read_usage(paths.attempt(1)) is not None


def test_peaks_of_the_gpu_and_who_takes_the_rest(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    peak = [1000 * MIB]
    cuda = SimpleNamespace(
        max_memory_reserved=lambda device: peak[0], mem_get_info=lambda device: (200 * MIB, 80_000 * MIB)
    )
    monkeypatch.setattr(usage.torch, "cuda", cuda)
    record = UsageRecord(attempt, torch.device("cuda:0"))
    record.note(10.0)
    found = read_usage(attempt)
    assert found is not None
    assert (found.gpu_mb, found.card_mb, found.card_free_mb) == (1000, 80_000, 200)
    assert (found.steps_per_second, found.on_gpu) == (10.0, True)
    peak[0] = 1010 * MIB  # no more than 5 % above
    record.note(10.1)
    assert read_usage(attempt) == found
    record.note(last=True)
    assert (read_usage(attempt) or Usage()).gpu_mb == 1010


def test_a_card_that_fails_hides_no_other_error(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(device: torch.device) -> int:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(usage.torch, "cuda", SimpleNamespace(max_memory_reserved=fail))
    UsageRecord(attempt, torch.device("cuda:0")).note(last=True)
    assert (read_usage(attempt) or Usage()).host_mb > 0


def test_a_card_that_fails_later_leaves_the_peak_of_before(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(device: torch.device) -> int:
        raise RuntimeError("CUDA error: unspecified launch failure")

    cuda = SimpleNamespace(
        max_memory_reserved=lambda device: 1000 * MIB, mem_get_info=lambda device: (200 * MIB, 80_000 * MIB)
    )
    monkeypatch.setattr(usage.torch, "cuda", cuda)
    record = UsageRecord(attempt, torch.device("cuda:0"))
    record.note(10.0)
    cuda.max_memory_reserved = fail
    record.note(last=True)
    found = read_usage(attempt) or Usage()
    assert (found.gpu_mb, found.card_mb, found.card_free_mb) == (1000, 80_000, 200)
