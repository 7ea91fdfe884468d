"""One list of what must not be recorded, for environment.json and origin.json alike."""

from __future__ import annotations

import pytest

from workbench.engine import environment
from workbench.queue.attempt_command import submitter_variables

SECRET = {
    "SLURM_JWT": "x1y2z3w4",
    "CUDA_PASS": "x1y2z3w4",
    "WORKBENCH_Api_Key": "x1y2z3w4",
    "WORKBENCH_PROXY": "http://me:x1y2z3w4@proxy:80",
    "WORKBENCH_DB": "me:x1y2z3w4@host/db",
    "WORKBENCH_HEADER": "Bearer x1y2z3w4",
    "WORKBENCH_PWD": "x1y2z3w4",
}
PLAIN = {
    "WORKBENCH_DATA_DIR": "/scratch/data:/other",
    "WORKBENCH_DOWNLOAD": "no",
    "WORKBENCH_NOTIFY": "mail -s done me@example.org",
    "CUDA_VISIBLE_DEVICES": "GPU-1abc,0",
}


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_recorded_nowhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET[name])
    monkeypatch.setattr(environment, "git_state", lambda folder: None)
    assert "x1y2z3w4" not in str(environment.capture([0], "cpu"))
    assert "x1y2z3w4" not in str(submitter_variables())


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_setting_goes_with_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, PLAIN[name])
    monkeypatch.setattr(environment, "git_state", lambda folder: None)
    assert submitter_variables()[name] == PLAIN[name]
    assert environment.capture([0], "cpu")["variables"][name] == PLAIN[name]
