"""The shell is offered preset names, run ids and setting keys, and never a traceback."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from workbench.cli import complete

PROGRAM = "import sys; sys.argv[0] = 'workbench'; from workbench.cli.main import main; sys.exit(main())"
RUN = "20261121-100000-vae-digits-aaaa"


def bash(words: str, position: int) -> list[str]:
    """What bash is offered for the word at `position`."""
    asked = {"_WORKBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


def context(store=None, **params):
    return SimpleNamespace(find_root=lambda: SimpleNamespace(params={"store": store}), params=params, args=[])


def test_in_a_shell(store):
    assert RUN in bash(f"workbench --store {store} queue cancel 2026", 5)
    assert "model.latent=" in bash("workbench run vae-digits --set model.l", 4)


@pytest.mark.parametrize(
    ("words", "typed", "offered"),
    [
        (complete.presets, "lae-paper-m", ["lae-paper-mnist"]),
        (complete.studies, "st", ["starter"]),
        (complete.queued_studies, "", ["starter", "starter-1"]),
        (complete.tables, "20261121-100000", [RUN]),
        (complete.metrics, "test_ms", ["test_mse"]),
        (complete.estimates, "ai", ["ais"]),
        (complete.states, "pa", ["paused"]),
        (complete.settings, "nonsense.", []),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_words(store, words, typed, offered):
    assert words(context(store, preset="vae-digits"), typed) == offered


def test_a_damaged_store_and_a_missing_preset_offer_nothing(tmp_path):
    (tmp_path / "file").write_text("no store")
    assert complete.runs(context(tmp_path / "file"), "") == complete.settings(context(), "") == []
