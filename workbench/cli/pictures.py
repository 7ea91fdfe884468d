"""Examples drawn with characters: images as half blocks in colour, or as shades; points as a scatter plot."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.cli.output import out

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHADES, SHADES_ASCII = " ░▒▓█", " .:-=+*#%@"
WIDEST = 32  # pixels of a drawn image


def print_pictures(images: NDArray[Any], ascii: bool = False) -> None:
    """Print images [n, H, W] or [n, H, W, 3] uint8 side by side, as many as fit in two rows."""
    import numpy as np  # `workbench --help` needs neither
    from rich.console import Console

    step = -(-max(images.shape[1:3]) // WIDEST)
    images = images[:, ::step, ::step]
    height, width = images.shape[1:3]
    console = Console(highlight=False)
    across = max(1, (shutil.get_terminal_size((80, 24)).columns + 1) // (width + 1))
    colour = console.is_terminal and console.color_system is not None and not ascii
    for start in range(0, min(len(images), 2 * across), across):
        row = list(images[start : start + across])
        pad = [(0, height % 2), (0, 1)] + [(0, 0)] * (images.ndim - 3)
        wall = np.concatenate([np.pad(image, pad) for image in row], 1)
        wall = np.repeat(wall[..., None], 3, 2) if wall.ndim == 2 else wall
        for y in range(0, len(wall) - 1, 2):
            if colour:
                console.print(_half_blocks(wall[y], wall[y + 1]), no_wrap=True, crop=True)
            else:
                shades = SHADES_ASCII if ascii else SHADES
                grey = (wall[y : y + 2].astype(float).mean((0, 2)) / 256 * len(shades)).astype(int)
                out("".join(shades[value] for value in grey).rstrip())
        out()


def draw_points(points: NDArray[Any], labels: NDArray[Any], ascii: bool = False) -> str:
    """Return a scatter plot of points [n, D] by label, on their principal plane if they have more axes."""
    width = max(30, min(80, shutil.get_terminal_size((80, 24)).columns))
    return api.plots.scatter_text(points, labels, width=width, ascii=ascii)


def _half_blocks(upper: NDArray[Any], lower: NDArray[Any]) -> Any:
    """Return two rows of pixels as one line: the upper in the foreground, the lower in the background."""
    from rich.text import Text  # as above

    line = Text(end="")
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        front, back = ("#{:02x}{:02x}{:02x}".format(*pixel) for pixel in (above, below))
        line.append("▀", f"{front} on {back}")
    line.append("\n")
    return line
