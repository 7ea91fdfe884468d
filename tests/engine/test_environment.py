"""What is recorded about a run's surroundings, and what must never be."""

from __future__ import annotations

import json

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
