"""Pictures in cells: two pixels a cell as half blocks, or one shade a cell where colours are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette

Pixels = NDArray[np.int64]  # 0xRRGGBB, or GROUND
GROUND = -1
SCALES = (4.0, 3.0, 2.0, 1.0, 1 / 2, 1 / 3, 1 / 4)
ENOUGH = 16  # pictures worth drawing smaller for
LEAST = 6  # pictures worth losing pixels for
SHADES = " ░▒▓█"
SHADES_ASCII = " .:-=+*#%@"
_STEP = 8  # brightness is drawn in steps of 8: 32 greys, few enough styles to keep


def colours(images: NDArray[np.uint8]) -> Pixels:
    """Return 0xRRGGBB [n, H, W] of images [n, H, W] or [n, H, W, 3]."""
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=3)
    coarse = (np.minimum(images.astype(np.int64) + _STEP // 2, 255) // _STEP) * 255 // (255 // _STEP)
    return np.asarray(coarse[..., 0] << 16 | coarse[..., 1] << 8 | coarse[..., 2])


def resized(images: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return images [n, H, W, …] repeated (scale ≥ 1, whole) or averaged (scale 1/k) to another size."""
    if scale >= 1:
        k = int(scale)
        return images.repeat(k, axis=1).repeat(k, axis=2)
    k = round(1 / scale)
    height, width = (scaled(size, scale) for size in images.shape[1:3])
    pad = [(0, 0), (0, height * k - images.shape[1]), (0, width * k - images.shape[2])]
    padded = np.pad(images, pad + [(0, 0)] * (images.ndim - 3), mode="edge")
    blocks = padded.reshape(len(images), height, k, width, k, *images.shape[3:])
    return np.asarray(blocks.mean(axis=(2, 4)).round().astype(np.uint8))


def scaled(size: int, scale: float) -> int:
    """Return the number of pixels that `size` pixels take at a scale."""
    return size * int(scale) if scale >= 1 else max(1, -(-size // round(1 / scale)))


def fit(n: int, height: int, width: int, columns: int, rows: int) -> tuple[float, int, int]:
    """Return (scale, pictures a row, rows of pictures): the largest scale that shows enough of n pictures.

    Room is `columns` × `rows` in pixels; pictures of `height` × `width` are one pixel apart.
    """
    best = (SCALES[-1], 1, 1)
    for scale in SCALES:
        tall, wide = scaled(height, scale), scaled(width, scale)
        across, down = (columns + 1) // (wide + 1), (rows + 1) // (tall + 1)
        if across >= 1 and down >= 1:
            best = (scale, across, down)
            if across * down >= min(n, ENOUGH if scale > 1 else LEAST):
                break
    return best


def grid(images: NDArray[np.uint8], scale: float, across: int, down: int) -> Pixels:
    """Return pictures side by side [rows, columns] in 0xRRGGBB, with the ground between them."""
    shown = colours(resized(images[: across * down], scale))
    n, height, width = shown.shape
    lines = -(-n // across) if n else 0
    out = np.full(
        (max(0, lines * (height + 1) - 1), max(0, min(n, across) * (width + 1) - 1)), GROUND, np.int64
    )
    for k in range(n):
        y, x = (k // across) * (height + 1), (k % across) * (width + 1)
        out[y : y + height, x : x + width] = shown[k]
    return out


def paint(frame: Frame, palette: Palette, x: int, y: int, pixels: Pixels) -> None:
    """Draw pixels [rows, columns] from cell (x, y) on, two rows a cell."""
    if pixels.size == 0:
        return
    if len(pixels) % 2:
        pixels = np.vstack([pixels, np.full((1, pixels.shape[1]), GROUND)])
    upper, lower = pixels[::2], pixels[1::2]
    if palette.look.marker == "ascii" or not palette.look.distinct:
        _shade(frame, palette, x, y, upper, lower)
        return
    pairs, where = np.unique(np.stack([upper.ravel(), lower.ravel()], 1), axis=0, return_inverse=True)
    numbers, codes = [], []
    for above, below in pairs.tolist():
        if above == below:  # one colour: a space on that ground is fewer bytes than a block
            numbers.append(frame.style_number(palette.pair(GROUND, above)))
            codes.append(0xA0)
        elif above == GROUND:
            numbers.append(frame.style_number(palette.pair(below, GROUND)))
            codes.append(ord("▄"))
        else:
            numbers.append(frame.style_number(palette.pair(above, below)))
            codes.append(ord("▀"))
    look = np.array(numbers, np.intp)[where.ravel()].reshape(upper.shape)
    sign = np.array(codes, np.uint32)[where.ravel()].reshape(upper.shape)
    frame.blit(x, y, sign, look)


def _shade(frame: Frame, palette: Palette, x: int, y: int, upper: Pixels, lower: Pixels) -> None:
    """Draw the mean brightness of each cell as a sign that covers as much of it."""
    signs = SHADES_ASCII if palette.look.marker == "ascii" else SHADES
    light = np.zeros(upper.shape)
    for pixels in (upper, lower):
        red, green, blue = pixels >> 16 & 255, pixels >> 8 & 255, pixels & 255
        light += np.where(pixels == GROUND, 0.0, (0.299 * red + 0.587 * green + 0.114 * blue) / 510)
    index = np.clip((light * len(signs)).astype(int), 0, len(signs) - 1)
    codes = np.array([ord(sign) for sign in signs], np.uint32)[index]
    frame.blit(x, y, codes, np.zeros(codes.shape, np.intp))
