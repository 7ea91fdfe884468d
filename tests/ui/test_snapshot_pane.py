"""What the panes of samples and latents show for a family that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from rich.style import Style

from tests.stores import make_run, make_store
from tests.ui.pane_app import RUN, live_run
from workbench.spec.resolve import resolve
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette
from workbench.ui.widgets.pane_deck import load_pane

SAID = {"samples": "A Classifier run has no samples.", "latents": "A Classifier run has no latents."}


pytestmark = pytest.mark.usefixtures("strict")


def text_of(root: Path, name: str, width: int = 80) -> str:
    pane: Any = load_pane(name)()
    pane.show(live_run(root))
    palette = Palette(Style(color="#e0e0e0", bgcolor="#101010"), Look())
    frame = Frame(width, 12, palette)
    pane.draw(frame, palette)
    return "\n".join(strip.text for strip in frame.strips())


def run_of(root: Path, preset: str, state: str) -> Path:
    """A run of a preset without any snapshots."""
    store = make_store(root)
    paths = make_run(store, RUN, state=state)
    paths.spec.write_text(tomli_w.dumps(resolve(preset).model_dump(mode="json", exclude_none=True)))
    for folder in (paths.samples, paths.latents):
        for file in folder.iterdir():
            file.unlink()
    return store


@pytest.mark.parametrize("name", sorted(SAID))
@pytest.mark.parametrize("state", ["running", "finished"])
def test_a_classifier_is_not_waited_for(tmp_path: Path, state: str, name: str) -> None:
    store = run_of(tmp_path, "clf-digits", state)
    assert SAID[name] in text_of(store, name)
    assert "Its curves show how it learns." in text_of(store, name)
    text_of(store, name, width=3)  # too narrow for the words, and no error


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_run_that_has_not_begun_says_that_first(tmp_path: Path, name: str) -> None:
    assert "waiting in the queue" in text_of(run_of(tmp_path, "clf-digits", "queued"), name)


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_generative_model_is_waited_for(tmp_path: Path, name: str) -> None:
    assert "not written yet" in text_of(run_of(tmp_path, "vae-digits", "running"), name)


def test_a_model_without_latents_is_seen_by_its_samples(tmp_path: Path) -> None:
    store = run_of(tmp_path, "ddpm-moons", "running")
    assert "Its samples show what it learns." in text_of(store, "latents")
    assert "not written yet" in text_of(store, "samples")
