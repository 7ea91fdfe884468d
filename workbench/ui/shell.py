"""What a screen may use of the app: shared state, the feed, and the other screens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.ui.feed import Feed
    from workbench.ui.launch_form import Draft


class Shell(Protocol):
    """The app as its screens see it; they must not import the app itself."""

    store: Store
    store_text: str  # where the runs are, and why there
    feed: Feed
    rows: list[RunRow] | None  # None before the store was read
    scheduler: str
    meters: tuple[str, ...]
    lives: dict[str, Any]
    drafts: dict[str, Draft]  # edits in Launch that were not queued yet, by preset
    pages: Sequence[Any]

    def open_screen(self, name: str, *arguments: Any) -> None:
        """Show another screen on top, made with these arguments."""
