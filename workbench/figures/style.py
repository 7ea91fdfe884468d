"""How every figure looks: sizes of print, colours, lines and marks that grey paper keeps apart, safe text."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import cycle, islice
from textwrap import wrap
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from workbench.results.pca import view_span
from workbench.spec.metrics import metric as metric_of
from workbench.text import safe_text

HIGHEST = 9.0  # inches that fit on a page
COLOURS = matplotlib.color_sequences["petroff10"]  # Petroff, arXiv:2107.02270: for all kinds of colour vision
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (4, 1.2, 1, 1.2)), (0, (1, 1)), (0, (6, 1, 1, 1, 1, 1)))
MARKS = "osD^vPX<>*"
MARGIN = 0.03  # of an axis, beside the points
LETTER, LINE = 0.06, 0.15  # inches of a letter and a line of a legend
HANDLE = 7  # letters that the line in front of a legend's text takes
LABEL = 24  # characters of an axis of usual height
TEXT = 400  # characters of a name
RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType, embedded: what publishers ask for
    "svg.fonttype": "path",  # letters as shapes: no font is needed
    "svg.hashsalt": "workbench",  # the same figure gives the same bytes
    "text.parse_math": False,  # a $ in a name is a $
    "text.usetex": False,
}
PLAIN_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"Creator": "workbench", "Producer": None, "CreationDate": None},
    "svg": {"Creator": "workbench", "Date": None},
    "png": {"Software": "workbench"},
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with these settings alone: the user's matplotlibrc changes nothing."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
        yield


def render(draw: Callable[..., Figure], arguments: Sequence[Any], form: str) -> bytes:
    """Return what `draw` makes of its arguments as the bytes of a pdf, png or svg."""
    body = BytesIO()
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of layouts that are too tight
        draw(*arguments).savefig(body, format=form, metadata=PLAIN_METADATA[form])
    return body.getvalue()


def panels(width: float, count: int, *, each: float, ratio: float = 0.75) -> tuple[Figure, list[Axes]]:
    """Return a figure `width` inches wide with `count` axes, each about `each` inches wide, in rows."""
    columns = min(count, max(1, round(width / each)))
    rows = -(-count // columns)
    height = min(HIGHEST, rows * (width / columns * ratio))
    figure = Figure(figsize=(width, height))
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def name(text: str) -> str:
    """Return text from outside for a figure: one line; what the font lacks is shown as [U+540D]."""
    known = characters()
    line = " ".join(safe_text(text, TEXT, one_line=True).split())
    shown = (sign if ord(sign) in known and sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in line)
    return "".join(shown)


def quantity(metric: str) -> str:
    """Return the label of an axis: a metric and its unit, on two lines if they are long."""
    about = metric_of(metric)
    if not about.unit:
        return name(about.label)
    between = " " if len(about.label) + len(about.unit) < LABEL else "\n"
    return f"{name(about.label)}{between}({name(about.unit)})"


@cache
def characters() -> Mapping[Any, Any]:
    """Return the signs of the font, by code."""
    path = font_manager.findfont(font_manager.FontProperties(family=RC["font.family"]))
    return font_manager.get_font(path).get_charmap()


def looks(count: int) -> list[dict[str, Any]]:
    """Return colour and dashes for `count` lines."""
    every = zip(cycle(COLOURS), cycle(LINES), strict=False)
    return [{"color": colour, "linestyle": line} for colour, line in islice(every, count)]


def log_axis(axes: Axes, axis: str = "y") -> None:
    """Make an axis logarithmic, with plain numbers: its usual labels are formulas, which are off."""
    getattr(axes, f"set_{axis}scale")("log")
    ruler = getattr(axes, f"{axis}axis")
    ruler.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    low, high = sorted(getattr(axes, f"get_{axis}lim")())
    if high < 10 * low:  # less than a decade: the marks between are all there is
        ruler.set_minor_formatter(FuncFormatter(lambda value, place: f"{value:.3g}"))
    else:
        ruler.set_minor_formatter(NullFormatter())


def frame(axes: Axes, points: NDArray[Any]) -> None:
    """Show all of points [n, 2] but stray ones, with a margin so that no mark is cut."""
    for axis, values in zip("xy", points.T, strict=True):
        low, high = view_span(values.astype(float))
        room = MARGIN * (high - low)
        getattr(axes, f"set_{axis}lim")(low - room, high + room)


def outside_legend(figure: Figure, axes: Axes) -> None:
    """Put the legend of `axes` below the figure, which grows by its height; long names take several lines."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    room = figure.get_figwidth() / LETTER
    columns = max(1, min(len(labels), int(room // (max(map(len, labels)) + HANDLE))))
    wrapped = [wrapped_to(label, figure.get_figwidth() / columns - HANDLE * LETTER) for label in labels]
    rows = [wrapped[place::columns] for place in range(columns)]  # of each column, about
    lines = max(sum(text.count("\n") + 1 for text in column) for column in rows)
    figure.set_figheight(figure.get_figheight() + lines * LINE)
    figure.legend(handles, wrapped, loc="outside lower center", ncols=columns)


def width_of(axes: Axes, *, height: bool = False) -> float:
    """Return the inches that axes of a figure of `panels` have, with their labels: across, or upwards."""
    figure, grid = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None and grid is not None
    rows, columns = grid.get_gridspec().get_geometry()
    return figure.get_figheight() / rows if height else figure.get_figwidth() / columns


def wrapped_to(text: str, width: float) -> str:
    """Return text in lines of at most `width` inches at the size of a legend."""
    return "\n".join(wrap(text, max(8, int(width / LETTER)))) or text
