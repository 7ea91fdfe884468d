"""What a terminal can show (dots and colours), and colours that colour-blind eyes can distinguish."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from rich.color import Color, ColorTriplet
from rich.style import Style

from workbench.ui.ascii import ascii_only

Marker = Literal["braille", "quadrant", "ascii"]
Colours = Literal["truecolor", "256", "16", "none"]

# Okabe & Ito (2008) for lines, Petroff (arXiv:2107.02270) for ten classes, on a dark and on a light ground.
# Lightness was then moved, as little as that takes, until normal, deutan and protan eyes keep them apart.
LINES = ("#56b4eb", "#e69000", "#2fbf8f", "#e86f3f", "#b68cae", "#f0e442", "#8c9cff", "#b0b0b0")
LINES_LIGHT = ("#0072b8", "#b48100", "#007d5d", "#9a4900", "#9c3c7d", "#6b4629", "#4b4fc4", "#5a5a5a")
CLASSES = (
    "#3f94da", "#ffa90e", "#e2453c", "#b5bdbb", "#a05ae2",
    "#b8806c", "#fc771a", "#d6c98a", "#8a8fa3", "#92dae3",
)  # fmt: skip
CLASSES_LIGHT = (
    "#3f90da", "#dd8a00", "#bd1f01", "#7c8c88", "#832db6",
    "#a96b59", "#d75b00", "#8f8445", "#5d606b", "#2f9aa5",
)  # fmt: skip
ANSI = (
    "bright_cyan",
    "bright_yellow",
    "bright_green",
    "bright_red",
    "bright_magenta",
    "bright_blue",
    "white",
)
CLASS_MARKS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Look:
    """The abilities of one terminal."""

    marker: Marker = "braille"
    colours: Colours = "truecolor"

    @property
    def distinct(self) -> bool:
        """Whether ten classes can be distinguished by colour alone."""
        return self.colours in ("truecolor", "256")

    def plain(self, text: str) -> str:
        """Return text this terminal has the signs for, sign by sign: its length stays."""
        return text if self.marker != "ascii" else ascii_only(text)


def detect(
    stream: TextIO | None, env: Mapping[str, str] | None = None, *, colour_system: str | None = "truecolor",
    no_colour: bool = False, ascii_only: bool = False,
) -> Look:  # fmt: skip
    """Find out what to draw with. `stream` is where Textual writes: sys.stderr, not stdout.

    `--ascii` (ascii_only), WORKBENCH_ASCII, an encoding without braille, or a console known to lack it
    (TERM=linux, vt…) lead to ASCII; WORKBENCH_MARKER=quadrant is for fonts without braille.
    """
    env = os.environ if env is None else env
    colours: Colours = {"truecolor": "truecolor", "256": "256", None: "none"}.get(colour_system, "16")  # type: ignore[assignment]
    if no_colour or "NO_COLOR" in env:
        colours = "none"
    try:
        "⣿▚×".encode(getattr(stream, "encoding", None) or "utf-8")
        unicode = True
    except (UnicodeEncodeError, LookupError):
        unicode = False
    forced = env.get("WORKBENCH_ASCII", "") not in ("", "0")
    old = env.get("TERM", "").startswith(("linux", "vt"))
    wish = env.get("WORKBENCH_MARKER", "")
    if ascii_only or forced or not unicode or wish == "ascii" or (old and not wish):
        return Look("ascii", colours)
    return Look("quadrant" if wish == "quadrant" else "braille", colours)


def look_of(app: Any) -> Look:
    """Return what the app's terminal can show; an attribute `look` of the app decides if it is set."""
    chosen = getattr(app, "look", None)
    if isinstance(chosen, Look):
        return chosen
    return detect(
        sys.__stderr__,  # Textual writes there, and replaces sys.stderr while it runs
        colour_system=app.console.color_system,
        no_colour=bool(app.no_color),
        ascii_only=bool(getattr(app, "ascii_only", False)),
    )


class Palette:
    """Styles by what they are for, on the ground of one widget. Every style is explicit: none is None."""

    def __init__(self, base: Style, look: Look) -> None:
        self.base = base
        self.look = look
        red, green, blue = (base.bgcolor and base.bgcolor.triplet) or (0, 0, 0)
        self._light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.4 * 255**2.2
        self._made: dict[Any, Style] = {}

    def text(self) -> Style:
        return self.base

    def bold(self) -> Style:
        return self._keep("bold", lambda: self.base + Style(bold=True))

    def faint(self, share: float = 0.5) -> Style:
        """Text of `share` of the usual strength: axes, bands, raw lines under a smoothed one."""
        return self._keep(("faint", share), lambda: self._towards_ground(self.base.color, share))

    def line(self, index: int, share: float = 1.0) -> Style:
        """The colour of the index-th line; `share` < 1 fades it into the ground."""
        names = LINES_LIGHT if self._light else LINES
        return self._keep(("line", index, share), lambda: self._colour(names, index, share))

    def group(self, index: int) -> Style:
        """The colour of the index-th class of a scatter."""
        names = CLASSES_LIGHT if self._light else CLASSES
        return self._keep(("class", index), lambda: self._colour(names, index, 1.0))

    def warn(self) -> Style:
        """What should catch the eye: × on an axis, a diverged seed."""
        return self._keep("warn", lambda: self._colour(("#ff5f5f",), 0, 1.0, "bright_red") + Style(bold=True))

    def pair(self, upper: int, lower: int) -> Style:
        """Foreground and background from two 24-bit colours, for half blocks; -1 is the ground."""

        def style() -> Style:
            colours = (
                None if colour < 0 else Color.from_rgb(colour >> 16, (colour >> 8) & 255, colour & 255)
                for colour in (upper, lower)
            )
            return self.base + Style.from_color(*colours)

        return self._keep(("pair", upper, lower), style)

    def _keep(self, key: Any, make: Any) -> Style:
        if key not in self._made:
            if len(self._made) > 8192:  # pictures of many colours must not pile up styles
                self._made.clear()
            self._made[key] = make()
        return self._made[key]

    def _colour(self, names: tuple[str, ...], index: int, share: float, ansi: str | None = None) -> Style:
        if self.look.colours == "none":
            return self.base
        if self.look.colours == "16":
            name = ansi or ANSI[index % len(ANSI)]
            return self.base + Style(color="bright_black" if share < 1 else name)
        return self._towards_ground(Color.parse(names[index % len(names)]), share)

    def _towards_ground(self, colour: Color | None, share: float) -> Style:
        if self.look.colours == "none" or colour is None:
            return self.base
        if self.look.colours == "16":  # words: bright black is the ground of some terminals' colours
            return self.base + Style(color="white")
        ground = self.base.bgcolor.triplet if self.base.bgcolor is not None else None
        if share >= 1 or colour.triplet is None:
            return self.base + Style(color=colour)
        ground = ground or ColorTriplet(0, 0, 0)
        mixed = (round(share * a + (1 - share) * b) for a, b in zip(colour.triplet, ground, strict=True))
        return self.base + Style(color=Color.from_triplet(ColorTriplet(*mixed)))
