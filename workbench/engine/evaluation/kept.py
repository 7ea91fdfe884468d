"""Finished parts of a long measurement: an interrupted one continues with them, to the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.engine.streams import Streams
from workbench.store.files import write_atomic

Values = tuple[Tensor, ...]


class Kept:
    """The parts that are finished, in a private file if `path` is given.

    `key` says what is measured, on which state and how; a file with another key is ignored. Parts are asked
    for in one order, always the same.
    """

    def __init__(self, path: Path | None = None, key: str = "") -> None:
        self.path, self.key = path, key
        self.parts: dict[str, Values] = {}
        self.state: dict[str, list[Tensor]] = {}  # of the streams, after the last part
        self._left = 0
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if found["key"] != self.key:
                return
            self.parts, self.state = found["parts"], found["state"]
        except Exception:
            return  # damaged: the parts are measured again
        self._left = len(self.parts)

    def part(self, name: str, streams: Streams, make: Callable[[], Values]) -> Values:
        """Return the values of a part: those kept, or those that `make` returns, which are kept from now on.

        After the last part that was kept, `streams` continue as they did then.
        """
        if name in self.parts:
            self._left -= 1
            if self._left == 0:
                streams.load_state_dict(self.state)
            return tuple(value.to(streams.device) for value in self.parts[name])
        values = make()
        if self.path is not None:
            self.parts[name] = tuple(value.cpu() for value in values)
            self.state = streams.state_dict()
            packed = io.BytesIO()
            torch.save({"key": self.key, "parts": self.parts, "state": self.state}, packed)
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self.path, packed.getvalue(), durable=False)
        return values

    def remove(self) -> None:
        """Remove the file: the measurement is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
