"""What the feed reports to the screens. A newer message of a kind replaces one that still waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


class Replaceable(Message):
    """News of which only the newest matters: a burst of changes becomes one redraw."""

    def can_replace(self, message: Message) -> bool:
        return type(message) is type(self)


@dataclass
class RunsChanged(Replaceable):
    """The runs of the store, newest first, and the state of the scheduler."""

    rows: list[RunRow]
    scheduler: str


@dataclass
class LiveChanged(Replaceable):
    """The watched runs have news; each answers from memory. A deleted run is missing."""

    lives: dict[str, Any]


@dataclass
class MetersChanged(Replaceable):
    """CPU, memory and GPUs as short texts, the most important first."""

    meters: tuple[str, ...]


@dataclass
class FeedTrouble(Replaceable):
    """The store cannot be read at the moment; empty text: it can be read again."""

    text: str
