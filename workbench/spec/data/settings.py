"""What can be set about data: which examples, how own files are read, and how pixels become observations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from workbench.errors import WorkbenchError
from workbench.spec.data import DATA_SETS
from workbench.spec.data.base import OWN_FILES
from workbench.spec.fields import Settings, not_among, setting

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


class DataSettings(Settings):
    """Which examples, how many, and how pixels become observations."""

    name: str = setting("digits", "data set; with data.path a label, by default that of the file")
    path: str = setting(
        "",
        "your own data: a .npz, .npy, .csv or .tsv file, or a folder of images or of IDX files",
        since="0.2.0",
        max_length=4000,
    )
    hash: str = setting(
        "",
        "16 hex digits of the content of data.path, filled in when a run is queued; other content is refused",
        since="0.2.0",
        pattern=r"^([0-9a-f]{16})?$",
    )
    examples: str = setting(
        "",
        "what holds the examples: key of an .npz, columns of a table, subfolder or IDX file; empty finds it",
        since="0.2.0",
    )
    labels: str = setting(
        "",
        "what holds the labels: key, column, or file beside data.path; none ignores them; empty finds them "
        "(celeba: an attribute)",
        since="0.2.0",
    )
    test: str = setting(
        "",
        "what holds the test examples: key, file beside data.path, or subfolder; empty finds it or holds out "
        "data.test_share; none always holds out",
        since="0.2.0",
    )
    test_labels: str = setting(
        "", "what holds their labels: key, or file beside data.path; empty finds them", since="0.2.0"
    )
    test_share: float = setting(
        0.2, "share of own data without a test split held out for testing, by data.seed", since="0.2.0",
        gt=0.0, lt=1.0,
    )  # fmt: skip
    image_size: int = setting(
        0,
        "side of square images: those of a folder are cropped and resized, rows of an array or table are "
        "shaped to it; 0 keeps them",
        "pixels",
        since="0.2.0",
        ge=0,
        le=4096,
    )
    colour: Literal["auto", "grey", "colour"] = setting(
        "auto", "images of a folder: grey, in colour, or in colour if one of them is", since="0.2.0"
    )
    range: tuple[float, ...] = setting(
        (),
        "smallest and largest possible value, such as [0, 255], mapped to 0 and 1; empty finds them",
        since="0.2.0",
        max_length=2,
    )
    header: Literal["auto", "yes", "no"] = setting(
        "auto", "whether the first line of a table names its columns", since="0.2.0"
    )
    binarise: Literal["none", "static", "dynamic", "threshold"] = setting(
        "none", "how grey pixels become 0/1: kept grey, drawn once, drawn at every read, or cut at 0.5"
    )
    train_size: int = setting(
        0, "training examples; 0 takes the data set's own", "examples", ge=0, le=10_000_000
    )
    test_size: int = setting(0, "test examples; 0 takes the data set's own", "examples", ge=0, le=1_000_000)
    validation_size: int = setting(
        0,
        "training examples held out to decide when to stop (training.patience); 0 holds out none",
        "examples",
        since="0.1.0",
        ge=0,
        le=1_000_000,
    )
    noise: float = setting(0.05, "noise of the moons (standard deviation)", "data units", ge=0.0, le=10.0)
    standardise: bool = setting(
        True, "moons, square, own real numbers: subtract the mean, divide by the standard deviation"
    )
    codes: int = setting(
        0, "bits8: a fixed random subset of this many codes; 0 keeps all 256", "codes", ge=0, le=256
    )
    seed: int = setting(0, "seed of everything random in the data set itself", ge=0, le=2**31 - 1)

    @property
    def salt(self) -> str:
        """Names the random streams of subsets and splits; a label of own data must not change them."""
        return "own" if self.path else self.name

    @property
    def identity(self) -> str:
        """What runs on the same data share: the hash of own data, else the name."""
        return f"hash {self.hash}" if self.hash else self.name

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_file(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("path") and not values.get("name"):
            return {**values, "name": label(str(values["path"]))}
        return values

    @field_validator("hash", "examples", "labels", "test", "test_labels", mode="before")
    @classmethod
    def _may_look_like_numbers(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("range", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in value)
        return value

    @field_validator("range")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (len(value) != 2 or value[0] >= value[1]):
            raise ValueError("must be the smallest and the largest value, such as [0, 255]")
        return value

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.path:
            if not LABEL.fullmatch(self.name):
                raise ValueError(
                    "data.name: with data.path it must consist of letters, digits, '.', '_', '-'"
                )
            return self
        try:
            source = DATA_SETS.find(self.name)
        except WorkbenchError as problem:  # a plug-in that cannot be loaded
            raise ValueError(f"data.name: {problem}") from None
        if source is None:
            raise ValueError(f"data.name: {not_among(self.name, DATA_SETS.known())}")
        needless = [
            key
            for key in OWN_FILES
            if key not in source.settings and getattr(self, key) != type(self).model_fields[key].default
        ]
        if needless:
            raise ValueError(f"data.{needless[0]}: needs data.path; {self.name} does not take it")
        return self


def label(path: str) -> str:
    """Return a name made from that of a file or folder, without its extension."""
    pure = PurePath(path)
    stem = pure.stem if pure.suffix.lower() in (".npz", ".npy", ".csv", ".tsv") else pure.name
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:40].strip("-") or "own"
