"""The metrics that are a family's own: a chain's acceptance and step size, an adversary's loss, f, KL."""

from __future__ import annotations

from typing import Any, ClassVar

from workbench.api.live import Series
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Curve
from workbench.ui.widgets.metric_plots import draw_groups, groups_of
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTHING, curve_of, decay_of

MOST_SEEDS = 12  # curves of single seeds in one plot


class ModelPane(Pane):
    """A plot for each metric of `own_metrics`, as many as fit."""

    HELP = "Show the model's own metrics: a chain's acceptance and step size, an adversary's loss, f, KL."
    WATCHES = "metrics"
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {"each_seed": (False, True), "smooth": tuple(SMOOTHING)}

    each_seed: bool
    smooth: str

    def draw(self, frame: Frame, palette: Palette) -> None:
        groups = groups_of(self.live)
        if groups:
            draw_groups(frame, palette, groups, self._curves)
            return
        over = self.live is not None and self.live.progress.over
        nothing = "This model wrote only its loss." if over else "This model's metrics have no points yet."
        message(frame, palette, waiting(self.live, nothing))

    def _curves(self, palette: Palette, series: Series, place: int) -> list[Curve]:
        """Return the mean, or each seed: its colour shows the seed, its dashes the split."""
        if not self.each_seed or series.seeds == 1:
            return [curve_of(palette, series, place, place, decay_of(self.smooth, series))]
        n, seeds = len(series), self.live.seeds if self.live is not None else ()
        if palette.look.colours == "none" and place:  # dashes show the seeds then, of one split
            return []
        return [
            Curve(
                series.steps[:n], series.values[:n, k], palette.line((0, 2, 3, 4, 5, 6)[k % 6]),
                dash=place if palette.look.colours != "none" else k, label=str(seeds[k] if seeds else k),
            )
            for k in range(min(series.seeds, MOST_SEEDS))
        ]  # fmt: skip
