"""One run as it changes: curves, snapshots, log and progress."""

from __future__ import annotations

from workbench.results.live import LiveRun, Progress
from workbench.results.series import Series
from workbench.spec.forms import FormField
from workbench.store.snapshots import Latents, Samples

__all__ = ["FormField", "Latents", "LiveRun", "Progress", "Samples", "Series"]
