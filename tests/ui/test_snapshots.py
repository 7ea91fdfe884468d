"""Pictures of the screens at two sizes. After a change that is wanted: pytest --snapshot-update."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ui.apps import StillApp, empty_store, settled, starter_store
from workbench.ui.canvas.palette import Look

SIZES = [(80, 24), (160, 48)]
Compare = Callable[..., bool]

# A list of its own, so that a new preset changes no picture; the form is the real one.
PRESETS = {
    "avb-digits": ("AVB on 8×8 digits", "avb", "latent = 8", "Adversarial variational Bayes.", 1200),
    "clf-digits": (
        "Classifier of 8×8 digits",
        "classifier",
        "hidden = [64]",
        "Softmax over ten digits.",
        300,
    ),
    "lae-digits": (
        "LAE on 8×8 digits",
        "lae",
        "encoder = [128]",
        "Langevin autoencoder with Metropolis–Hastings and an adapted step on grey digits.",
        1180,
    ),
    "lae-paper": ("LAE with the published step", "lae", "step_size = 1e-6", "A fixed step.", 1180),
    "lebm-digits": ("LEBM on 8×8 digits", "lebm", "latent = 8", "Energy-based prior.", 900),
    "vae-digits": ("VAE on 8×8 digits", "vae", "latent = 8", "Variational autoencoder.", 1820),
}
PRESET = """title = "{}"
description = "{}"
seeds = 3
[model]
kind = "{}"
{}
[training]
iterations = {}
"""


def str_of(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same zone, presets and colours wherever the tests run."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    folder = tmp_path / "presets"
    folder.mkdir()
    for name, (title, kind, setting, description, length) in PRESETS.items():
        (folder / f"{name}.toml").write_text(PRESET.format(title, description, kind, setting, length))
    monkeypatch.setattr("workbench.spec.presets.built_in_folder", lambda: folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(StillApp, "look", Look("braille", "truecolor"), raising=False)


def pressing(*keys: str) -> Callable[[Any], Any]:
    """Return what brings an app to the picture: wait, press a key, wait, and so on."""

    async def prepare(pilot: Any) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return prepare


@pytest.mark.parametrize("size", SIZES, ids=str_of)
def test_bench_empty(tmp_path: Path, snap_compare: Compare, size: tuple[int, int]) -> None:
    app = StillApp(empty_store(tmp_path / "runs"))
    assert snap_compare(app, terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", SIZES, ids=str_of)
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("bench", ()),
        ("launch", ("n", "slash", "l", "a", "e", "enter", "enter", "j", "enter", "2", "a")),
        ("results", ("b", "space")),
        ("table", ("t",)),
        ("help", ("question_mark",)),
    ],
    ids=["bench", "launch", "results", "table", "help"],
)
def test_screen(
    tmp_path: Path, snap_compare: Compare, size: tuple[int, int], name: str, keys: tuple[str, ...]
) -> None:
    app = StillApp(starter_store(tmp_path / "runs"))
    assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))


def test_bench_too_small(tmp_path: Path, snap_compare: Compare) -> None:
    app = StillApp(starter_store(tmp_path / "runs"))
    assert snap_compare(app, terminal_size=(40, 10), run_before=pressing())


@pytest.mark.parametrize(
    ("name", "keys"),
    [("bench", ()), ("launch", ("n", "enter")), ("results", ("b", "space")), ("table", ("t",))],
    ids=["bench", "launch", "results", "table"],
)
def test_in_ascii_with_few_colours(
    tmp_path: Path, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str, keys: tuple[str, ...]
) -> None:
    monkeypatch.setattr(StillApp, "look", Look("ascii", "16"))
    app = StillApp(starter_store(tmp_path / "runs"), ascii_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(*keys))


def test_bench_without_colour(tmp_path: Path, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(StillApp, "look", Look("braille", "none"))
    app = StillApp(starter_store(tmp_path / "runs"))
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing())
