"""What a terminal can show is found out from its encoding and environment; class colours stay apart."""

import io
from itertools import combinations

import numpy as np
import pytest
from rich.color import Color
from rich.style import Style

from workbench.ui.canvas.palette import (
    CLASSES,
    CLASSES_LIGHT,
    LINES,
    LINES_LIGHT,
    Colours,
    Look,
    Palette,
    detect,
)

UTF8 = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
DARK, LIGHT = Style(color="#e0e0e0", bgcolor="#101010"), Style(color="#202020", bgcolor="#f4f4f4")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_a_terminal_whose_encoding_lacks_braille_gets_ascii(encoding: str) -> None:
    assert detect(io.TextIOWrapper(io.BytesIO(), encoding=encoding), {}).marker == "ascii"


def test_braille_is_the_default_also_without_a_stream() -> None:
    assert detect(UTF8, {}) == Look("braille", "truecolor")
    assert detect(None, {}).marker == "braille"


@pytest.mark.parametrize(
    ("env", "marker"),
    [
        ({"WORKBENCH_ASCII": "1"}, "ascii"), ({"WORKBENCH_ASCII": "0"}, "braille"),
        ({"WORKBENCH_MARKER": "quadrant"}, "quadrant"), ({"WORKBENCH_MARKER": "ascii"}, "ascii"),
        ({"TERM": "linux"}, "ascii"), ({"TERM": "vt220"}, "ascii"), ({"TERM": "xterm-256color"}, "braille"),
        ({"TERM": "linux", "WORKBENCH_MARKER": "quadrant"}, "quadrant"),
    ],
)  # fmt: skip
def test_the_environment_decides(env: dict[str, str], marker: str) -> None:
    assert detect(UTF8, env).marker == marker


def test_the_option_wins_over_the_environment() -> None:
    assert detect(UTF8, {"WORKBENCH_MARKER": "braille"}, ascii_only=True).marker == "ascii"


@pytest.mark.parametrize(
    ("system", "colours"), [("truecolor", "truecolor"), ("256", "256"), ("standard", "16"), (None, "none")]
)
def test_colour_systems(system: str | None, colours: Colours) -> None:
    assert detect(UTF8, {}, colour_system=system).colours == colours
    assert detect(UTF8, {"NO_COLOR": "1"}, colour_system=system).colours == "none"
    assert detect(UTF8, {}, colour_system=system, no_colour=True).colours == "none"


def test_without_colours_every_style_is_the_ground_s() -> None:
    palette = Palette(DARK, Look("braille", "none"))
    for style in (palette.line(0), palette.line(3, 0.3), palette.group(4), palette.faint()):
        assert (style.color, style.bgcolor) == (DARK.color, DARK.bgcolor)


def test_sixteen_colours_use_no_rgb() -> None:
    palette = Palette(DARK, Look("braille", "16"))
    for style in (palette.line(0), palette.line(3, 0.3), palette.group(4), palette.faint(), palette.warn()):
        assert style.color is not None and style.color.triplet is None


def test_a_palette_on_a_ground_without_rgb_works() -> None:
    palette = Palette(Style(color="default", bgcolor="default"), Look())
    assert palette.faint().color is not None
    assert palette.line(0, 0.3).color is not None
    assert palette.pair(-1, -1) is not None


# Machado, Oliveira & Fernandes (2009), severity 1.0, applied to linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
}


def lab(name: str, matrix: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as seen by an eye with the given deficiency."""
    red, green, blue = Color.parse(name).triplet  # type: ignore[misc]
    linear = np.clip(matrix @ (np.array([red, green, blue]) / 255) ** 2.2, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", list(BLINDNESS))
@pytest.mark.parametrize("names", [CLASSES, CLASSES_LIGHT, LINES[:6], LINES_LIGHT[:6]])
def test_colours_stay_apart_for_colour_blind_eyes(names: tuple[str, ...], eye: str) -> None:
    seen = [lab(name, BLINDNESS[eye]) for name in names]
    nearest = min((np.linalg.norm(a - b), i, j) for (i, a), (j, b) in combinations(enumerate(seen), 2))
    assert nearest[0] > 9, f"{names[nearest[1]]} and {names[nearest[2]]} look alike"


@pytest.mark.parametrize(
    ("names", "ground"), [(CLASSES + LINES, "#101010"), (CLASSES_LIGHT + LINES_LIGHT, "#f4f4f4")]
)
def test_colours_stand_out_from_their_ground(names: tuple[str, ...], ground: str) -> None:
    level = lab(ground, np.eye(3))[0]
    assert min(abs(lab(name, np.eye(3))[0] - level) for name in names) > 25
