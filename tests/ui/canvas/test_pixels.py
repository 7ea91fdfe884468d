"""Pictures in cells: sizes that fit, averages, grey and RGB, half blocks whose colours are the pixels'."""

import numpy as np
import pytest
from rich.style import Style

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette
from workbench.ui.canvas.pixels import GROUND, SCALES, colours, fit, grid, paint, resized

BASE = Style(color="#e0e0e0", bgcolor="#101010")


def painted(pixels: np.ndarray, look: Look | None = None) -> Frame:
    palette = Palette(BASE, look or Look())
    frame = Frame(pixels.shape[1], (len(pixels) + 1) // 2, palette)
    paint(frame, palette, 0, 0, pixels)
    return frame


def test_small_pictures_are_enlarged_and_large_ones_shrunk_only_as_needed() -> None:
    assert fit(16, 8, 8, 80, 80) == (2.0, 4, 4)
    assert fit(16, 8, 8, 59, 18) == (1.0, 6, 2)  # fewer than 16, but every pixel is there
    scale, across, down = fit(16, 28, 28, 59, 24)
    assert scale == 1 / 3 and across * down >= 6
    assert fit(0, 8, 8, 10, 10)[0] == 1.0
    assert fit(3, 500, 500, 5, 5) == (SCALES[-1], 1, 1)


def test_averaging_keeps_the_mean_and_enlarging_repeats() -> None:
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    half = resized(images, 0.5)
    assert half.shape == (1, 4, 4) and half[0, 0, 0] == round((0 + 1 + 8 + 9) / 4)
    assert resized(images, 2.0)[0, :2, :2].tolist() == [[0, 0], [0, 0]]
    assert resized(np.zeros((2, 7, 5, 3), np.uint8), 1 / 3).shape == (2, 3, 2, 3)


def test_grey_and_rgb_become_the_same_kind_of_pixels() -> None:
    assert colours(np.array([[[0, 255]]], np.uint8)).tolist() == [[[0x000000, 0xFFFFFF]]]
    red = colours(np.array([[[[255, 0, 0]]]], np.uint8))
    assert red.tolist() == [[[0xFF0000]]]
    levels = np.unique(colours(np.arange(256, dtype=np.uint8).reshape(1, 1, 256)))
    assert 30 <= len(levels) <= 34  # few enough styles to keep, enough greys to look smooth


def test_pictures_stand_one_pixel_apart() -> None:
    out = grid(np.full((3, 2, 2), 255, np.uint8), 1.0, across=2, down=2)
    assert out.shape == (5, 5)
    assert (out == GROUND).sum() == 25 - 3 * 4
    assert grid(np.zeros((0, 2, 2), np.uint8), 1.0, 2, 2).size == 0


def test_a_cell_shows_the_pixel_above_and_the_one_below() -> None:
    pixels = np.array([[0xFF0000, 0x0000FF, GROUND, GROUND], [0x00FF00, 0x0000FF, 0xFF0000, GROUND]])
    parts = list(painted(pixels).strips()[0])
    texts = [part.text.strip() for part in parts]
    above = [part.style.color.name for part in parts if part.style and part.style.color]
    below = [part.style.bgcolor.name for part in parts if part.style and part.style.bgcolor]
    assert texts == ["▀", "", "▄", ""]
    assert (above[0], below[0]) == ("#ff0000", "#00ff00")
    assert below[1] == "#0000ff"
    assert (above[2], below[2], below[3]) == ("#ff0000", "#101010", "#101010")


def test_an_odd_number_of_rows_ends_on_the_ground() -> None:
    assert painted(np.array([[0xFFFFFF]])).strips()[0].text == "▀"


@pytest.mark.parametrize("look", [Look("ascii", "truecolor"), Look("braille", "none"), Look("braille", "16")])
def test_without_colours_brightness_becomes_cover(look: Look) -> None:
    ramp = np.repeat(colours(np.linspace(0, 255, 20).astype(np.uint8).reshape(1, 1, 20))[0], 2, axis=0)
    text = painted(ramp, look).strips()[0].text
    shades = " .:-=+*#%@" if look.marker == "ascii" else " ░▒▓█"
    order = [shades.index(sign) for sign in text]
    assert order == sorted(order) and order[0] == 0 and order[-1] == len(shades) - 1
