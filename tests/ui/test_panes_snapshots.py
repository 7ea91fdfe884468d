"""Pictures of a page with four panes, against those checked in (`pytest --snapshot-update` renews them)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stores import make_run, make_store
from tests.ui.pane_app import FOUR, RUN, PaneApp, live_run
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
    snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: Any, look: Look, kind: str
) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    if look.colours == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    root = make_store(tmp_path / "runs")
    paths = make_run(root, RUN, kind=kind, points=40)
    for folder in (paths.samples, paths.latents):
        next(folder.iterdir()).unlink()
    np.savez(paths.samples / "500.npz", **_frames())
    np.savez(paths.latents / "500.npz", **_spokes())
    app = PaneApp(live_run(root), FOUR, look)
    app.TITLE = "panes"
    assert snap_compare(app, terminal_size=size)
