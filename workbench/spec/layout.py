"""How a table is laid out: what its rows and columns are, which runs enter, and how numbers are shown.

The same keys are in a study's file and after `workbench table`:

    rows = ["model", "training.lr"]     # what a row is; settings that would be mixed are added
    columns = "data"                    # one column per value of it; empty for one per metric
    metrics = ["test_mse"]
    filter = "training.epochs>=10"
    baseline = "vae"                    # a value of a row, or key=value
    sort = "-test_mse"                  # a metric or a row's key; - for descending
    spread = "std"                      # std, interval (95 %), or range (median, least and largest)
    digits = 3                          # decimals; without it, as many as the spread leaves
    caption = "…"
    label = "tab:digits"
    names = { "vae" = "VAE (ours)", "test_mse" = "MSE" }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.toml import Document

Spread = Literal["std", "interval", "range"]
FIELDS = ("model", "data", "preset", "name", "study")  # keys of rows beside settings


@dataclass(frozen=True)
class Layout:
    """The keys above. `rows` empty: one row per group of runs that differ only in their seeds."""

    rows: tuple[str, ...] = ()
    columns: str = ""
    metrics: tuple[str, ...] = ()
    filter: str = ""
    baseline: str = ""
    sort: str = ""
    spread: Spread = "std"
    digits: int | None = None
    caption: str = ""
    label: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.spread not in get_args(Spread):
            hint = did_you_mean(self.spread, get_args(Spread)) or f"Choose {', '.join(get_args(Spread))}."
            raise WorkbenchError(f"Invalid value '{self.spread}' for spread.", hint, USAGE)
        if self.digits is not None and not 0 <= self.digits <= 9:
            raise WorkbenchError(f"Invalid value {self.digits} for digits: must be from 0 to 9.", "", USAGE)

    @property
    def plain(self) -> bool:
        """Whether it asks for nothing but metrics: the table is then the usual comparison."""
        return self == Layout(metrics=self.metrics)

    def document(self) -> dict[str, Any]:
        """Return the keys that are not at their defaults, as TOML has them."""
        found = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value != getattr(PLAIN, item.name):
                found[item.name] = list(value) if isinstance(value, tuple) else value
        return found


PLAIN = Layout()
KEYS = tuple(item.name for item in fields(Layout))


def read_layout(document: Document) -> Layout:
    """Return the layout in a study's file.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    kinds: dict[str, type] = {"rows": list, "metrics": list, "digits": int, "names": dict}
    given: dict[str, Any] = {}
    for key in KEYS:
        if key not in document.table:
            continue
        value, kind = document.table[key], kinds.get(key, str)
        where = document.where(key)
        items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        if (
            not isinstance(value, kind)
            or isinstance(value, bool)
            or not all(isinstance(x, str) for x in items)
        ):
            form = {list: 'a list of names, ["a", "b"]', int: "a whole number", dict: "a table of texts"}
            raise WorkbenchError(f"{where}: {key}: must be {form.get(kind, 'text in quotes')}.")
        given[key] = tuple(value) if isinstance(value, list) else value
    try:
        return Layout(**given)
    except WorkbenchError as error:
        raise WorkbenchError(f"{document.label}: {error.title}", error.hint, error.exit_code) from None
