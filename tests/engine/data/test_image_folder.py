"""A folder of images as they are found in practice: odd sizes, modes, and files that cannot be read."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench import api
from workbench.spec.data.files.images import decode
from workbench.spec.data.files.own import open_data
from workbench.spec.schema import DataSettings


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_folder(folder: Path, count: int, unreadable: int) -> None:
    """Write colour images of odd sizes in `count` files; every k-th of another mode or unreadable."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    broken = set(rng.permutation(count)[:unreadable].tolist())
    for number in range(count):
        height, width = rng.integers(33, 90, 2)
        x = np.linspace(0, 1, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
        pixels = (255 * x * rng.random(3)).astype(np.uint8)
        path, image = folder / f"{number:05d}.png", Image.fromarray(pixels)
        if number in broken:
            image.save(path)
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 3] if number % 2 else b"no image")
        elif number % 50 == 1:
            image.quantize(32).save(path)
        elif number % 50 == 2:
            image.convert("CMYK").save(path.with_suffix(".jpg" if number % 4 else ".tif"))
        elif number % 50 == 3:
            Image.fromarray(257 * pixels[..., 0].astype(np.uint16)).save(path)
        else:
            image.save(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16", "CMYK"])
def test_every_mode_becomes_bytes(tmp_path: Path, mode: str) -> None:
    """A uniform image of a known colour comes out with that colour, in grey and in colour."""
    colour = (
        (255, 255, 255) if mode == "1" else (128, 128, 128) if mode in ("L", "LA", "I;16") else (200, 30, 90)
    )
    image = Image.new("RGB", (9, 7), colour)
    if mode == "I;16":
        image = Image.fromarray(np.full((7, 9), 128 * 257, np.uint16))
    elif mode == "P":
        image = image.quantize(2)
    elif mode != "RGB":
        image = image.convert(mode)
    path = tmp_path / f"x.{'tif' if mode == 'CMYK' else 'png'}"
    image.save(path)
    found = decode(path, (7, 9, 3), 0)
    assert found.shape == (7, 9, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found.reshape(-1, 3).mean(0), colour, atol=2)
    assert decode(path, (7, 9), 0).shape == (7, 9)
    assert decode(path, (4, 4, 3), 4).shape == (4, 4, 3)


def test_transparency_is_laid_on_white_and_rotation_applied(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 2), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (decode(tmp_path / "clear.png", (2, 4, 3), 0) == 255).all()
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.fromarray(np.repeat(np.array([[0, 0, 255, 255]], np.uint8), 2, 0))
    image.save(tmp_path / "turned.png", exif=turned)
    assert decode(tmp_path / "turned.png", (4, 2), 0)[:, 0].tolist() == [0, 0, 255, 255]


def test_the_middle_square_is_resized(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", (5, 5), 5) == 200).all()


def test_few_unreadable_files_are_left_out_and_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "own", 250, 2)
    (tmp_path / "own" / "notes.txt").write_text("not an image")
    settings = DataSettings.model_validate({"path": str(tmp_path / "own"), "image_size": 16})
    own = open_data(settings)
    assert own.shape == (16, 16, 3) and len(own.arrays["examples"]) == 248 and len(own.skipped) == 2
    note = api.data.skipped_note(settings)
    assert note.startswith(f"2 files of {tmp_path / 'own'} left out: 0")
    grey = open_data(settings.model_copy(update={"colour": "grey"}))
    assert grey.shape == (16, 16)


@pytest.mark.slow
def test_five_thousand_images_of_which_twenty_cannot_be_read(tmp_path: Path) -> None:
    """Reading takes seconds once, and then milliseconds (docs/results/own-data.md)."""
    write_folder(tmp_path / "own", 5000, 20)
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        report, preview = api.data.show(str(tmp_path / "own"), ["data.image_size=32"])
        seconds.append(round(time.perf_counter() - begin, 2))
    assert (report.train, report.test, len(report.skipped)) == (3984, 996, 20)
    assert preview["images"].shape == (24, 32, 32, 3)
    print(json.dumps({"seconds": seconds, "skipped": report.skipped[:2]}))
