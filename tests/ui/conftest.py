"""What tests of the screens share: stores, and panes that raise their errors."""

from pathlib import Path

import pytest
import textual._wait

from tests.ui.apps import starter_store
from workbench.api.stores import Store, open_store
from workbench.ui.widgets.pane import Pane

# Textual's pilot samples the CPU in steps of 20 ms, twice per key, until the app is idle.
textual._wait.SLEEP_GRANULARITY = 0.005
textual._wait.SLEEP_IDLE = 0.005 / 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return starter_store(tmp_path / "runs")


@pytest.fixture
def empty(root: Path) -> Store:
    return open_store(root)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let errors out of the panes: outside tests they become a sentence."""
    monkeypatch.setattr(Pane, "strict", True)
