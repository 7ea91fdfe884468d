"""What the panes of samples and latents show for a family that has none."""

from pathlib import Path

import pytest
import tomli_w

from tests.stores import live_run, make_run, only_snapshot
from tests.ui.pane_app import drawn, showing
from workbench.spec.resolve import resolve
from workbench.store.state import State
from workbench.ui.widgets.pane_deck import load_pane

SAID = {"samples": "A Classifier run has no samples.", "latents": "A Classifier run has no latents."}


pytestmark = pytest.mark.usefixtures("strict")


def text_of(root: Path, name: str, width: int = 80) -> str:
    return drawn(showing(load_pane(name), live_run(root)), width, 12)


def run_of(root: Path, preset: str, state: State) -> Path:
    """Write a run of a preset without any snapshots; return its store."""
    paths = make_run(root, state=state)
    paths.spec.write_text(tomli_w.dumps(resolve(preset).model_dump(mode="json", exclude_none=True)))
    for folder in (paths.samples, paths.latents):
        only_snapshot(folder, 0)
    return root


@pytest.mark.parametrize("name", sorted(SAID))
@pytest.mark.parametrize("state", ["running", "finished"])
def test_a_classifier_is_not_waited_for(root: Path, state: str, name: str) -> None:
    run_of(root, "clf-digits", state)
    assert SAID[name] in text_of(root, name)
    assert "Its curves show how it learns." in text_of(root, name)
    text_of(root, name, width=3)  # too narrow for the words, and no error


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_run_that_has_not_begun_says_that_first(root: Path, name: str) -> None:
    assert "waiting in the queue" in text_of(run_of(root, "clf-digits", "queued"), name)


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_generative_model_is_waited_for(root: Path, name: str) -> None:
    assert "not written yet" in text_of(run_of(root, "vae-digits", "running"), name)


def test_a_model_without_latents_is_seen_by_its_samples(root: Path) -> None:
    run_of(root, "ddpm-moons", "running")
    assert "Its samples show what it learns." in text_of(root, "latents")
    assert "not written yet" in text_of(root, "samples")
