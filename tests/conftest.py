"""What holds for all tests: property tests try the same cases each time, and a busy machine is no failure."""

import os

# Before torch is loaded: with several test processes its threads would only wait for one another.
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.stores import make_store

settings.register_profile(
    "shared", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared")

# Flushes protect from power loss, which no test causes, and cost 5 ms a file. Child processes keep theirs.
os.fsync = lambda file: None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip GPU tests without a GPU."""
    if item.get_closest_marker("gpu") is not None:
        import torch  # only here: most tests are of rooms without it

        if not torch.cuda.is_available():
            pytest.skip("torch sees no CUDA device here")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty store."""
    return make_store(tmp_path / "runs")
