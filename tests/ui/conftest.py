"""What tests of the screens share: stores, and panes that raise their errors."""

from pathlib import Path
from typing import Any

import pytest

from tests.ui.apps import starter_store
from workbench.api.stores import Store, open_store
from workbench.ui.widgets.pane import Pane


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the queue was asked for, instead of asking it."""
    calls: list[tuple[Any, ...]] = []

    def request(store: Store, run_id: str, verb: str, value: int | None = None) -> None:
        calls.append((run_id, verb, value))

    monkeypatch.setattr("workbench.api.queue.request", request)
    return calls
