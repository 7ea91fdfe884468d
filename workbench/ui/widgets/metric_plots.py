"""Small plots of the metrics a family names as its own, as many as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.api.live import LiveRun, Series
from workbench.spec.metrics import metric
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.widgets.values import dash_sign, lost, with_spread

LEAST = (25, 7)  # columns and rows of one plot
MOST = 4  # groups of a family that names none
Draw = Callable[[Palette, Series, int], list[Curve]]  # of the k-th series of a plot


@dataclass(frozen=True)
class Group:
    """Curves of one plot, each with what it is called there.

    `title` is empty if they belong to several metrics. `level` is a value to read them against.
    """

    names: tuple[str, ...]
    title: str
    curves: tuple[tuple[str, Series], ...]
    level: float | None = None
    level_name: str = ""


def groups_of(live: LiveRun | None) -> list[Group]:
    """Return the run's own metrics as its family names them, if they have points; else its first metrics."""
    if live is None:
        return []
    having = [(name, split) for name, split in live.names() if len(live.series(name, split))]
    model = live.spec.model if live.spec is not None else None
    named = model.own_metrics if model is not None else ()
    if not any(name in group for group in named for name, _ in having):
        named = tuple((name,) for name in dict.fromkeys(name for name, _ in having if name != "loss"))[:MOST]
    found = []
    for names in named:
        alone, curves = len(names) == 1, []
        for name in names:
            splits = sorted((split for n, split in having if n == name), key=lambda split: split != "train")
            if alone:
                curves += [(split, live.series(name, split)) for split in splits]
            elif splits:
                curves.append((metric(name).label, live.series(name, splits[0])))
        known = metric(names[0])
        level, level_name = (known.reference, known.reference_name) if alone else (None, "")
        if alone and model is not None and names[0] in model.targets:
            level, level_name = getattr(model, model.targets[names[0]]), "target"
        if curves:
            found.append(Group(names, known.label if alone else "", tuple(curves), level, level_name))
    return found


def places(n: int, width: int, height: int) -> tuple[int, int]:
    """Return how many plots go beside and below each other: as square as they can be, none too small."""
    across_most, down_most = max(1, width // LEAST[0]), max(1, height // LEAST[1])
    able = [
        (min(n, across * down), -abs(width / across - 3 * height / down), across, down)
        for across in range(1, min(n, across_most) + 1)
        for down in range(1, min(-(-n // across), down_most) + 1)
    ]
    return max(able)[2:]


def draw_groups(frame: Frame, palette: Palette, groups: Sequence[Group], draw: Draw) -> None:
    """Draw the groups in a grid; the last row has the newest values of those without room."""
    across, down = places(len(groups), frame.width, frame.height)
    rest = groups[across * down :] if frame.height > LEAST[1] else ()
    height, width = (frame.height - bool(rest)) // down, (frame.width - (across - 1)) // across
    for k, group in enumerate(groups[: across * down]):
        _plot(frame, palette, group, draw, k % across * (width + 1), k // across * height, width, height)
    parts: list[Part] = []
    for group in rest:
        name, series = group.curves[0]
        texts = with_spread(group.title or name, series)
        parts.append((tuple(f"{' · ' if parts else ''}{text}" for text in texts), palette.faint(0.75)))
    frame.parts(0, frame.height - 1, parts)


def _plot(
    frame: Frame, palette: Palette, group: Group, draw: Draw, x: int, y: int, width: int, height: int
) -> None:
    """Draw one group with its title, its newest values and its level."""
    right, top = x + width, y
    known = metric(group.names[0])
    if group.title:
        parts: list[Part] = [(group.title, palette.bold())]
        if known.unit:
            parts.append((f", {known.unit}", palette.faint(0.75)))
        frame.parts(x, top, parts, right)
        top += 1
    at, curves = x, []
    for k, (label, series) in enumerate(group.curves):
        drawn = draw(palette, series, k)
        if not drawn:
            continue
        curves += drawn
        texts = tuple(
            text + (trend(series) if known.log else "") for text in with_spread(f" {label}", series)
        )
        if at > x and at + 4 + len(texts[0]) > right and top + 1 < y + height // 2:
            at, top = x, top + 1
        if at + 2 + len(texts[1]) > right:
            continue
        style = drawn[0].style if not drawn[0].label else palette.text()
        at = frame.put(at + 2 * (at > x), top, dash_sign(palette, drawn[0].dash), style, right)
        at = frame.parts(at, top, [(texts, palette.text()), (lost(series), palette.warn())], right)
    seeds = {curve.label: curve for curve in curves if curve.label}
    if seeds and top + 1 < y + height // 2:
        at, top = frame.put(x, top + 1, "seeds", palette.faint(0.75), right), top + 1
        for label, curve in seeds.items():
            sign = dash_sign(palette, curve.dash) if palette.look.colours == "none" else "●"
            at = frame.parts(at, top, [(f" {sign}", curve.style), (label, palette.text())], right)
    if group.level is not None:
        value = f"dotted {short(group.level, 4)}"
        if at + 2 + len(value) > right and top + 1 < y + height // 2:
            at, top = x - 2, top + 1
        texts = tuple(f"  {text}" if at > x else text for text in (f"{value} = {group.level_name}", value))
        frame.parts(max(x, at), top, [(texts, palette.faint(0.75))], right)
    top += 1
    area = Area(x, top, width, y + height - top, level=group.level, log_y=known.log, y_span=known.span)
    plot(frame, palette, area, curves)


def trend(series: Series) -> str:
    """Return an arrow if the newest value left the earlier tenth of the run by more than 5 %."""
    mean = series.mean[np.isfinite(series.mean)]
    if len(mean) < 10:
        return ""
    before, now = float(mean[-max(2, len(mean) // 10)]), float(mean[-1])
    return " ↓" if now < 0.95 * before else " ↑" if now > 1.05 * before else ""
