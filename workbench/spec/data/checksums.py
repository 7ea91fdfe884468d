"""The files of known data sets: whether those that are there are the original ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

from workbench.errors import DATA, WorkbenchError, did_you_mean
from workbench.spec.data import DATA_SETS
from workbench.spec.data.settings import DataSettings


def check(settings: DataSettings, folder: Path) -> None:
    """Compare the files of a data set below the data folder with their known checksums (0.1 s for MNIST).

    Raises:
        WorkbenchError: if one is damaged or is that of another data set (exit code DATA).
    """
    source = DATA_SETS.find(settings.name)
    assert source is not None, "checked with the settings"
    owners = {md5: other.name for other in DATA_SETS.built_in.values() for md5 in other.files.values() if md5}
    for name, expected in source.files.items():
        path = folder / name
        if not path.is_file():
            continue
        found = md5_of(path)
        owner = owners.get(found, source.name)
        if owner != source.name:
            raise WorkbenchError(
                f"{path} is a file of {owner}, not of {source.name}.", "Put the right file there.", DATA
            )
        if expected and found != expected:
            raise WorkbenchError(
                f"{path} is damaged: its checksum is not that of the original file.",
                "Delete it, so that it is fetched again, or copy a good one there.",
                DATA,
            )


def check_celeba(settings: DataSettings, folder: Path) -> None:
    """Check the files of CelebA as `check`, and that `data.labels` is one of its attributes.

    Raises:
        WorkbenchError: as `check`, or if there is no such attribute.
    """
    check(settings, folder)
    listed = folder / "celeba" / "list_attr_celeba.txt"
    if settings.labels in ("", "none") or not listed.is_file():
        return
    with listed.open(encoding="utf-8") as file:
        names = (file.readline(), file.readline())[1].split()
    if settings.labels not in names:
        near = did_you_mean(settings.labels, names) or f"Attributes are {', '.join(names)}."
        raise WorkbenchError(f"celeba has no attribute '{settings.labels}' (data.labels).", near, DATA)


def must_be(name: str, path: Path) -> None:
    """Check that own data under the name of a known data set are its files.

    Raises:
        WorkbenchError: if they are not, or their checksums are not known (exit code DATA).
    """
    source = DATA_SETS.known().get(name)
    if source is None:
        return
    expected = {Path(file).name: md5 for file, md5 in source.files.items() if md5}
    here = path.is_dir() and bool(expected)
    if not here or any(
        not (path / file).is_file() or md5_of(path / file) != md5 for file, md5 in expected.items()
    ):
        raise WorkbenchError(
            f"Cannot use {path} as {name}: its files are not those of that data set.",
            "Choose another data.name, or leave it out.",
            DATA,
        )


def md5_of(path: Path) -> str:
    """Return the MD5 checksum of a file; data sets publish no other."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
