"""Pictures of a page with four panes, against those checked in (`pytest --snapshot-update` renews them)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stores import live_run, make_run, only_snapshot
from tests.ui.pane_app import FOUR, PaneApp
from workbench.ui.canvas.palette import Look


def _frames() -> dict[str, Any]:
    """Pictures of one grey in a white frame: even ones, so that the pictures checked in stay small."""
    images = np.full((4, 8, 8), 255, np.uint8)
    images[:, 2:6, 2:6] = np.array([0, 80, 160, 240], np.uint8)[:, None, None]
    return {"images": np.stack([images, images]), "data": images}


def _spokes() -> dict[str, Any]:
    """Latents of ten classes, each on a spoke of its own."""
    labels = np.repeat(np.arange(10), 5)
    radius = np.tile(np.linspace(1, 3, 5), 10)
    z = np.stack([radius * np.cos(labels * 0.628), radius * np.sin(labels * 0.628)], -1)
    return {"z": np.stack([z, -z]).astype(np.float32), "labels": labels}


@pytest.mark.parametrize(
    ("size", "look", "kind"),
    [
        pytest.param((80, 24), Look(), "lae", id="80x24"),
        pytest.param((160, 48), Look(), "lae", id="160x48"),
        pytest.param((80, 24), Look("ascii", "16"), "vae", id="ascii"),
        pytest.param((80, 24), Look("braille", "none"), "lae", id="no-colour"),
    ],
)
def test_four_panes(
    snap_compare: Any, root: Path, monkeypatch: pytest.MonkeyPatch, size: Any, look: Look, kind: str
) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    if look.colours == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    paths = make_run(root, kind=kind, points=40)
    only_snapshot(paths.samples, 500, **_frames())
    only_snapshot(paths.latents, 500, **_spokes())
    app = PaneApp(live_run(root), *FOUR, look=look)
    app.TITLE = "panes"
    assert snap_compare(app, terminal_size=size)
