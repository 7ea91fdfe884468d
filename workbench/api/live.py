"""One run as it changes: curves, snapshots, log and progress.

>>> run = api.live.LiveRun(store, "20261121-043537-vae-digits-fuze")
>>> run.poll()  # reads what has changed; everything else answers from memory
True
>>> loss = run.series("loss")
>>> len(loss), loss.seeds, loss.mean[-1].round(2).item()
(15, 3, 29.64)
>>> run.progress.state, run.progress.step, run.log_lines(1)
('finished', 60, ['finished after 60 steps, 0.5 s of training'])
"""

from __future__ import annotations

from workbench.results.curves import Curve, Curves, curves_of, data_frame
from workbench.results.live import LiveRun, Progress
from workbench.results.series import Series
from workbench.spec.forms import FormField
from workbench.store.snapshots import Latents, Samples

__all__ = [
    "Curve",
    "Curves",
    "FormField",
    "Latents",
    "LiveRun",
    "Progress",
    "Samples",
    "Series",
    "curves_of",
    "data_frame",
]
