"""Reads the samples and latents of a run, npz files that may be damaged or hostile."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.store.files import open_plain

LARGEST = 64 << 20  # bytes an npz may unpack to; those of a run have a few


@dataclass(frozen=True)
class Samples:
    """Draws from the model at one step, of every seed, with real examples of the same form beside them."""

    step: int
    images: NDArray[np.uint8] | None = None  # [S, n, H, W] or [S, n, H, W, 3]
    points: NDArray[np.float32] | None = None  # [S, n, D]
    data: NDArray[Any] | None = None  # [m, H, W], [m, H, W, 3] or [m, D]

    @property
    def seeds(self) -> int:
        """The number of seeds S."""
        shown = self.images if self.images is not None else self.points
        return 0 if shown is None else len(shown)


@dataclass(frozen=True)
class Latents:
    """Latents of the same examples at one step, for every seed."""

    step: int
    z: NDArray[np.float32]  # [S, n, d]
    labels: NDArray[np.int64]  # [n]; all zero where the data have no classes
    # [S, m, H, W] or [S, m, H, W, 3] of the first m examples, as each seed got them
    originals: NDArray[np.uint8] | None = None
    reconstructions: NDArray[np.uint8] | None = None

    @property
    def seeds(self) -> int:
        """The number of seeds S."""
        return len(self.z)


def read_samples(folder: Path, step: int) -> Samples | None:
    """Return the samples of `step`, or None: absent, damaged, too large or of another form."""
    arrays = read_npz(folder / f"{step}.npz", ("images", "points", "data"))
    images, points, data = arrays.get("images"), arrays.get("points"), arrays.get("data")
    if images is not None and images.dtype == np.uint8 and _picture(images[0] if len(images) else images):
        fits = data is not None and data.dtype == np.uint8 and data.shape[1:] == images.shape[2:]
        return Samples(step, images=images, data=data if fits else None)
    if points is not None and points.ndim == 3 and len(points) and points.dtype.kind == "f":
        fits = data is not None and data.dtype.kind == "f" and data.shape[1:] == points.shape[2:]
        return Samples(step, points=points.astype(np.float32, copy=False), data=data if fits else None)
    return None


def _picture(images: NDArray[Any]) -> bool:
    """Whether [n, H, W] or [n, H, W, 3], with at least one pixel a picture."""
    grey_or_rgb = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    return grey_or_rgb and 0 not in images.shape[1:]


def read_latents(folder: Path, step: int) -> Latents | None:
    """Return the latents of `step`, or None: absent, damaged, too large or of another form."""
    arrays = read_npz(folder / f"{step}.npz", ("z", "labels", "originals", "reconstructions"))
    z, labels = arrays.get("z"), arrays.get("labels")
    if z is None or z.ndim != 3 or z.dtype.kind != "f" or 0 in (z.shape[0], z.shape[2]):
        return None
    if labels is None or labels.shape != (z.shape[1],) or labels.dtype.kind not in "iu":
        labels = np.zeros(z.shape[1], np.int64)
    own, again = arrays.get("originals"), arrays.get("reconstructions")
    if own is not None and again is not None:
        fits = len(own) == len(z) and _picture(own[0]) and again.shape == own.shape
        if not fits or own.dtype != np.uint8 or again.dtype != np.uint8:
            own = again = None
    z, labels = z.astype(np.float32, copy=False), labels.astype(np.int64, copy=False)
    return Latents(step, z, labels, own, again if own is not None else None)


def read_npz(path: Path, names: tuple[str, ...], largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that can be read, at most `largest` bytes; nothing is unpickled."""
    found: dict[str, NDArray[Any]] = {}
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as packed:
            inside = {info.filename: info for info in packed.infolist()}
            wanted = [inside[f"{name}.npy"] for name in names if f"{name}.npy" in inside]
            if sum(info.file_size for info in wanted) > largest:
                return {}
            for info in wanted:
                with packed.open(info) as member:
                    major, _ = np.lib.format.read_magic(member)
                    header = np.lib.format.read_array_header_1_0
                    shape, _, dtype = (header if major == 1 else np.lib.format.read_array_header_2_0)(member)
                # A header may promise more than the file holds; numpy would reserve it all at once.
                if dtype.hasobject or dtype.itemsize * int(np.prod(shape, dtype=object)) > info.file_size:
                    continue
                with packed.open(info) as member:
                    found[info.filename[:-4]] = np.lib.format.read_array(member, allow_pickle=False)
    except Exception:  # damaged bytes make zipfile, its decompressors, ast and numpy raise nearly anything
        return {}
    return found
