"""What holds for all tests of the engine: none leaves torch as a worker would have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def denormals_as_python_has_them() -> Iterator[None]:
    """Workers flush denormals to zero, in the whole process: the property tests of others notice."""
    yield
    torch.set_flush_denormal(False)
