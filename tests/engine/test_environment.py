"""What is recorded about a run's surroundings, and what must never be."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from workbench.engine import environment


def test_the_surroundings_are_recorded() -> None:
    found = environment.capture([0, 1], "cpu", {"OMP_NUM_THREADS": "1", "HOME": "/home/x"})
    assert (found["schema"], found["seeds"], found["device"]) == (1, [0, 1], "cpu")
    assert {"torch", "numpy"} <= set(found["packages"])
    assert found["host"]["cores"] >= 1
    assert found["variables"] == {"OMP_NUM_THREADS": "1"}  # no private ones
    json.dumps(found)


def test_secrets_are_taken_out_wherever_they_turn_up(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "WORKBENCH_API_KEY": "abcdef123456",
        "WORKBENCH_PROXY": "http://me:hidden-word@proxy:80",
        "DATABASE_PASSWORD": "correct-horse",
    }
    monkeypatch.setattr(environment.sys, "argv", ["worker", "--login=correct-horse"])
    state = {"commit": "c0ffee", "diff": "+ key = 'abcdef123456'"}
    monkeypatch.setattr(environment, "git_state", lambda folder: state)
    text = json.dumps(environment.capture([0], "cpu", variables))
    for secret in ("abcdef123456", "hidden-word", "correct-horse"):
        assert secret not in text
    assert text.count(environment.REDACTED) == 4
    assert "c0ffee" in text


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
    clean = environment.git_state(checkout)
    assert len(clean["commit"]) == 40 and clean["diff"] == ""
    (checkout / "code.py").write_text("x = 2\n")
    assert "+x = 2" in environment.git_state(checkout)["diff"]


def test_a_huge_diff_is_cut(checkout: Path) -> None:
    (checkout / "code.py").write_text("y = 'long'\n" * 20_000)
    diff = environment.git_state(checkout)["diff"]
    assert len(diff) < environment.DIFF_LIMIT + 100 and "cut off" in diff


def test_outside_a_checkout_or_without_git_there_is_none(tmp_path: Path, monkeypatch) -> None:
    assert environment.git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.git_state(Path(__file__).parent) is None
