"""The command line called in this process, with its own configuration and a made-up store."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stores import make_run, make_store
from workbench.cli.main import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture(autouse=True)
def own_world(tmp_path, monkeypatch):
    """No settings, presets or stores of the user who runs the tests."""
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("WORKBENCH_STORE", raising=False)
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys) -> Cli:
    """Call `workbench …` and return (exit code, stdout, stderr)."""

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture
def store(tmp_path) -> Path:
    """A store with a finished study of two families, a failed run and a paused one."""
    root = make_store(tmp_path / "runs")
    make_run(root, "20261121-100000-vae-digits-aaaa", kind="vae", study="starter", created=1000.0)
    make_run(root, "20261121-100001-lae-digits-bbbb", kind="lae", study="starter", created=1001.0)
    make_run(root, "20261121-110000-avb-digits-cccc", kind="avb", state="failed", created=2000.0)
    make_run(root, "20261121-120000-lebm-digits-dddd", kind="lebm", state="paused", created=3000.0)
    return root
