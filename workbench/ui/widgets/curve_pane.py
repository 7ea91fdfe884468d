"""Curves over training: mean over seeds with a band, train and test, one run or several overlaid."""

from __future__ import annotations

from typing import Any, ClassVar

from workbench.api.live import LiveRun, Series
from workbench.results.series import AXES, BANDS
from workbench.spec.metrics import metric as metric_named
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.formatting import line
from workbench.ui.labels import squeezed
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTHING, curve_of, dash_sign, decay_of, lost, with_spread

NAMES = {"step": "step", "epoch": "epoch", "time": "training time"}


class CurvePane(Pane):
    """One metric of one run (train and test), or of several runs (one split)."""

    HELP = "Show the curves of the metrics over training."
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
        "axis": AXES, "band": BANDS, "log_y": (False, True), "smooth": tuple(SMOOTHING),
    }  # fmt: skip

    axis: Any
    band: Any
    log_y: bool
    smooth: str

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs: list[tuple[str, LiveRun]] = []
        self.metric = ""  # empty, or a metric without curves: the loss, or else the first one
        self.changed()

    def show(self, live: LiveRun | None) -> None:
        """Show one run with its train and test curves."""
        self.runs = [] if live is None else [(live.label, live)]
        super().show(live)

    def show_many(self, runs: list[tuple[str, LiveRun]]) -> None:
        """Overlay several runs, each under the label given."""
        self.runs = [(line(label, 40), live) for label, live in runs]
        super().show(runs[0][1] if runs else None)

    def source(self) -> Any:
        return super().source(), [(id(live), live.versions["metrics"]) for _, live in self.runs]

    def changed(self) -> None:
        """Draw again, with the options in force under the pane."""
        parts = [
            NAMES[self.axis],
            *["log y"] * self.log_y,
            *[f"{self.smooth} smoothing"] * (self.smooth != "off"),
            self.band,
        ]
        if self.border_subtitle != " · ".join(parts):  # setting it draws the whole pane again
            self.border_subtitle = " · ".join(parts)
        super().changed()

    def metrics(self) -> list[str]:
        """Return the names of all metrics with curves, the shown one first, then the others from there on.

        The order is that of the files, but the loss leads.
        """
        names = dict.fromkeys(name for _, live in self.runs for name, _ in live.names())
        ordered = sorted(names, key=lambda name: name != "loss")
        here = ordered.index(self.metric) if self.metric in ordered else 0
        return ordered[here:] + ordered[:here]

    def step_metric(self, by: int) -> None:
        """Show the metric `by` places further, round and round."""
        names = self.metrics()
        if names:
            self.metric = names[by % len(names)]
            self.changed()

    def draw(self, frame: Frame, palette: Palette) -> None:
        name = next(iter(self.metrics()), self.metric)
        found = self._found(name)
        missing = [label for label, live in self.runs if not self._splits(name, live)]
        if not found:
            message(frame, palette, waiting(self.live, "The curves have no points yet."))
            return
        entries = []
        for label, series, colour, dash in found:
            if palette.look.distinct and len(self.runs) > 1:
                dash = 0
            decay = decay_of(self.smooth, series)
            curve = curve_of(palette, series, colour, dash, decay, self.axis, self.band)
            entries.append((label, series, curve))
        top = self._header(frame, palette, name, entries, missing if len(self.runs) > 1 else [])
        plot(frame, palette, Area(
            0, top, frame.width, frame.height - top, log_y=self.log_y, x_name=NAMES[self.axis],
            time=self.axis == "time",
        ), [curve for _, _, curve in entries])  # fmt: skip

    def _splits(self, name: str, live: LiveRun) -> set[str]:
        """Return the splits of which a run has points of a metric."""
        return {split for metric, split in live.names() if metric == name and len(live.series(name, split))}

    def _found(self, name: str) -> list[tuple[str, Series, int, int]]:
        """Return (label, series, colour, dash) of every curve; a run has one colour for all metrics."""
        if len(self.runs) == 1:
            live = self.runs[0][1]
            splits = sorted(self._splits(name, live), key=lambda split: (split != "train", split))
            return [(split, live.series(name, split), k, k) for k, split in enumerate(splits)]
        # the split that all runs with the metric have, test before train, since that is what counts
        having = [found for _, live in self.runs if (found := self._splits(name, live))]
        common = set.intersection(*having) if having else set()
        split = "test" if "test" in common else "train"
        curves = [
            (f"{label} {split}", live.series(name, split), k, k) for k, (label, live) in enumerate(self.runs)
        ]
        return [curve for curve in curves if len(curve[1])]

    def _header(
        self, frame: Frame, palette: Palette, name: str, entries: list[tuple[str, Series, Curve]],
        missing: list[str],
    ) -> int:  # fmt: skip
        """Write what is shown, the newest values, and which runs lack the metric; return the rows it took."""
        unit = metric_named(name).unit
        rows = 0
        if frame.height >= 9:
            seeds = max(series.seeds for _, series, _ in entries)
            hidden = sum(int((series.values <= 0).sum()) for _, series, _ in entries) if self.log_y else 0
            about = [
                f", {unit}" if unit else "",
                f" · mean of {seeds} seeds, band {self.band}" if seeds > 1 else "",
                f" · {hidden} values ≤ 0 have no logarithm" if hidden else "",
                " · smoothed, raw behind" if self.smooth != "off" else "",
            ]
            parts: list[Part] = [(metric_named(name).label, palette.bold())]
            frame.parts(0, 0, [*parts, *((text, palette.faint(0.75)) for text in about)])
            rows = 1
        x, last = 0, max(rows, frame.height // 2)  # the row that the legend may fill
        for k, (label, series, curve) in enumerate(entries):
            texts, broken = with_spread(f" {label}", series), lost(series)
            if x and x + 3 + len(texts[0]) + len(broken) > frame.width:
                if rows == last:
                    frame.parts(x, rows, [(f"+{len(entries) - k}", palette.warn())])
                    break
                rows, x = rows + 1, 0
            if rows >= frame.height:
                break
            room = max(1, frame.width - 2)
            texts = tuple(text for text in texts if len(text) <= room) or (squeezed(texts[1], room),)
            x = frame.put(x, rows, dash_sign(palette, curve.dash), curve.style)
            entry: list[Part] = [(texts, palette.text()), (broken, palette.warn())]
            if unit and not rows and k + 1 == len(entries):
                entry.insert(1, (f" {unit}", palette.text()))
            x = frame.parts(x, rows, entry) + 2
        if missing and rows < last:
            rows += 1
            text = f"without {metric_named(name).label}: {', '.join(missing)}"
            frame.put(0, rows, squeezed(text, frame.width), palette.warn())
        return rows + 1
