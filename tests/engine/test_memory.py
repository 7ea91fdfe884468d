"""The memory of a training step, found on the device of shapes: exact for a model whose tensors are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.engine.small import FAMILIES, load_data, small_spec
from workbench.engine import free_memory, memory
from workbench.engine.memory import Peak, enough_memory, training_bytes


@pytest.mark.check("data 3", "The peak of live tensors is exact for a known sequence of operations.")
def test_the_peak_counts_what_lives_at_the_same_time() -> None:
    with Peak() as peak:
        a = torch.empty(1000, device="meta")  # 4000 bytes
        b = a + 1  # 8000
        del a
        c = b.view(10, 100)  # the same bytes
        d = c.double()  # 4000 + 8000
        del b, c
        assert (peak.now, peak.most) == (8000, 12_000)
        d.add_(1)
        assert peak.most == 12_000


def test_weights_gradients_and_moments_of_adam_are_counted() -> None:
    """With one example the batch is small beside them: 4 numbers per weight, and their updates."""
    spec = small_spec("vae", [0, 1, 2], training={"batch": 1, "clip": 0.0}, model={"encoder": [2000, 2000]})
    weights = 3 * 8 * (64 * 2000 + 2000 * 2000 + 2000 * 6)
    assert 4 <= training_bytes(spec, load_data(spec).info) / weights < 7


@pytest.mark.check("data 3", "Steps on 2, 3 and 4 examples give the peak of a whole batch within 1 %.")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_estimated(family: str) -> None:
    spec = small_spec(family, [0])
    info = load_data(spec).info
    whole = max(memory.trace(spec, info, spec.training.batch))
    assert training_bytes(spec, info) == pytest.approx(whole, rel=0.01)


def test_a_run_that_needs_more_than_is_free_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small_spec("vae", [0])
    data = load_data(spec)
    assert enough_memory(spec, data).startswith("memory: data 112 KiB, training ")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match=r"A training step takes .*, and 1000 B are free"):
        enough_memory(spec, data)


def test_a_container_limits_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    assert free_memory.free_bytes("cpu") > 1 << 20
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.max").write_text("5000\n")
    assert free_memory.free_bytes("cpu") == 4000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory.free_bytes("cpu") > 1 << 20
