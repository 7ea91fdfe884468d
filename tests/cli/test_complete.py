"""The shell is offered preset names, run ids and setting keys, and never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "import sys; sys.argv[0] = 'workbench'; from workbench.cli.main import main; sys.exit(main())"


def offered(words: str, position: int, **environ: str) -> list[str]:
    """What bash is offered for the word at `position`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "_WORKBENCH_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_presets_settings_and_studies():
    assert "lae-paper-mnist" in offered("workbench run lae", 2)
    assert "model.latent=" in offered("workbench run vae-digits --set model.l", 4)
    assert offered("workbench studies run st", 3) == ["starter"]
    assert offered("workbench run vae-digits --grid nonsense.", 4) == []


@pytest.mark.parametrize(
    ("words", "position"),
    [
        ("workbench runs show 2026", 3),
        ("workbench --store {} queue cancel 2026", 5),
        ("workbench export 2026", 2),
    ],
)
def test_runs(store: Path, words, position):
    found = offered(words.format(store), position)
    assert "20261121-100000-vae-digits-aaaa" in found


def test_a_damaged_store_offers_nothing(tmp_path):
    (tmp_path / "file").write_text("no store")
    assert offered("workbench runs show x", 3, WORKBENCH_STORE=str(tmp_path / "file")) == []
