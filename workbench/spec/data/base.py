"""What a data set is: its name, the function that loads it, and what that function returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["points", "binary", "grey"]  # real-valued; 0/1; [0, 1] intensities
# settings of own files: useless without data.path, and dropped when data.name replaces it
OWN_FILES = (
    "path", "hash", "examples", "labels", "test", "test_labels", "test_share", "image_size", "colour",
    "range", "header",
)  # fmt: skip


@dataclass(frozen=True)
class DataSource:
    """A data set by name.

    `load` is "module:function", imported when a run starts. The function takes the run's `DataSettings`, the
    data folder, and whether it may download; it returns `Arrays`. What `files` names, with paths under the
    data folder, must be there for the data set to be complete; a checksum (MD5) that is not empty must match.
    `check` raises a `WorkbenchError` for files that are there and cannot be used, and may return other
    settings for the run; it must not load torch.
    """

    name: str
    load: str
    files: Mapping[str, str] = field(default_factory=dict)
    torchvision: str = ""  # the class of torchvision.datasets, for those it reads
    check: str = ""  # "module:function" of the settings and the data folder, called before a run is queued
    fetched_with: str = ""  # a package that downloading needs beside torchvision
    small: bool = False  # a model of it trains about as fast on a CPU, so "auto" may take one beside GPUs
    settings: tuple[str, ...] = ()  # which settings of own files it takes all the same
    examples: int = 0  # for training, by default; 0: its loader alone knows
    shape: tuple[int, ...] = ()  # of one example; (): its loader alone knows

    def complete(self, folder: Path) -> bool:
        """Whether all its files are in the data folder."""
        return all((folder / name).is_file() for name in self.files)


@dataclass(frozen=True)
class Arrays:
    """What a loader returns: x [N, D] (uint8, or float for points) and y [N] integer labels of both splits.

    Arrays are numpy's or torch's; the engine makes tensors of them.
    """

    train_x: Any
    train_y: Any
    test_x: Any
    test_y: Any
    shape: tuple[int, ...]  # of one example: (2,), (28, 28), (32, 32, 3)
    kind: Kind
    classes: int  # 0: no labels, y is 0 everywhere
    levels: Any = 1  # what x, less `shift`, is divided by: 255 for pictures, 16 for digits; or [D]
    shift: Any = None  # what is subtracted before, a number or [D]; None: nothing
    finite: bool = False  # a finite set of equally likely examples, of which test_x holds all
    test_rows: Any = None  # rows of the data set's own test split that test_x holds; None: all, in order
    skipped: tuple[str, ...] = ()  # files left out, with the reason
    validation: tuple[Any, Any] | None = None  # x and y held out of the training set by the engine
