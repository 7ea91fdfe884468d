"""What tests of panes share: an empty store, and errors that come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores import make_store
from workbench.ui.widgets.pane import Pane


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_store(tmp_path / "runs")


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let errors out of the panes: outside tests they become a sentence."""
    monkeypatch.setattr(Pane, "strict", True)
