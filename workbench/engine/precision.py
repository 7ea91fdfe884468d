"""Faster products of matrices, in training steps only: evaluations and their chains keep full precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from workbench.spec.schema import TrainingSettings


@contextmanager
def training_precision(training: TrainingSettings, device: torch.device) -> Iterator[None]:
    """Compute as `training.precision` and `training.tf32` have it, and with full products afterwards.

    With bf16 the factors of products and convolutions are rounded; their results, like everything else, are
    float32 (the layers convert them).
    """
    half = training.precision == "bf16"
    _allow_tf32(training.tf32)
    try:
        # no cache: several updates may happen in a step, and rounded weights would be those before them
        with torch.autocast(device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            yield
    finally:
        _allow_tf32(False)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed  # torch's own default is True
