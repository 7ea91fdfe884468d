"""What a screen may use of the app: shared state, the feed, and the other screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.ui.feed import Feed


class Shell(Protocol):
    """The app as its screens see it; they must not import the app itself."""

    store: Store
    feed: Feed
    rows: list[RunRow] | None  # None before the first look at the store
    scheduler: str
    meters: tuple[str, ...]
    lives: dict[str, Any]

    @property
    def store_text(self) -> str: ...

    @property
    def pages(self) -> Sequence[Any]: ...

    def watch_runs(self, run_ids: Sequence[str]) -> None: ...

    def open_launch(self) -> None: ...

    def open_results(self) -> None: ...

    def open_table(self, named: tuple[str, Callable[[], Any]]) -> None: ...

    def open_compare(self, run_ids: Sequence[str]) -> None: ...
