"""Pictures of the screens at two sizes. After a change that is wanted: pytest --snapshot-update."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ui.apps import StillApp, press, settled
from workbench.api.stores import Store
from workbench.ui.canvas.palette import Look

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
Compare = Callable[..., bool]

# A list of its own, so that a new preset changes no picture; the form is the real one.
SOFTMAX = "Softmax over ten digits."
LANGEVIN = "Langevin autoencoder with Metropolis–Hastings and an adapted step on grey digits."
PRESETS = {
    "avb-digits": ("AVB on 8×8 digits", "avb", "latent = 8", "Adversarial variational Bayes.", 1200),
    "clf-digits": ("Classifier of 8×8 digits", "classifier", "hidden = [64]", SOFTMAX, 300),
    "lae-digits": ("LAE on 8×8 digits", "lae", "encoder = [128]", LANGEVIN, 1180),
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
            await press(pilot, key)

    return prepare


@SIZES
def test_bench_empty(empty: Store, snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(StillApp(empty), terminal_size=size, run_before=pressing())


@SIZES
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([], id="bench"),
        pytest.param(["n", "slash", *"lae", "enter", "enter", "j", "enter", *"2a"], id="launch"),
        pytest.param(["b", "space"], id="results"),
        pytest.param(["t"], id="table"),
        pytest.param(["question_mark"], id="help"),
    ],
)
def test_screen(store: Store, snap_compare: Compare, size: tuple[int, int], keys: list[str]) -> None:
    assert snap_compare(StillApp(store), terminal_size=size, run_before=pressing(*keys))


def test_bench_too_small(store: Store, snap_compare: Compare) -> None:
    assert snap_compare(StillApp(store), terminal_size=(40, 10), run_before=pressing())


@pytest.mark.parametrize(
    "keys", [[], ["n", "enter"], ["b", "space"], ["t"]], ids=["bench", "launch", "results", "table"]
)
def test_in_ascii_with_few_colours(
    store: Store, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, keys: list[str]
) -> None:
    monkeypatch.setattr(StillApp, "look", Look("ascii", "16"))
    app = StillApp(store, ascii_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(*keys))


def test_bench_without_colour(store: Store, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(StillApp, "look", Look("braille", "none"))
    assert snap_compare(StillApp(store), terminal_size=(80, 24), run_before=pressing())
