"""Commit and uncommitted changes of a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workbench.store import code_state


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@x"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "code.py").write_text("x = 1\n")
    git("add", "code.py")
    git("commit", "-m", "first")
    return tmp_path


def test_commit_and_uncommitted_changes_are_recorded(checkout: Path) -> None:
    clean = code_state.git_state(checkout)
    assert len(clean["commit"]) == 40 and clean["diff"] == ""
    (checkout / "code.py").write_text("x = 2\n")
    assert "+x = 2" in code_state.git_state(checkout)["diff"]


def test_a_huge_diff_is_cut(checkout: Path) -> None:
    (checkout / "code.py").write_text("y = 'long'\n" * 20_000)
    diff = code_state.git_state(checkout)["diff"]
    assert len(diff) < code_state.DIFF_LIMIT + 100 and "cut off" in diff


def test_outside_a_checkout_or_without_git_there_is_none(tmp_path: Path, monkeypatch) -> None:
    assert code_state.git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_state.git_state(Path(__file__).parent) is None
