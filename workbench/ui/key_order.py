"""One key after the other: a key is handled only after all that the key before it caused.

Textual hands a key to the focused widget at once, but runs bindings only after the key has come back
through the queues of all its parents. Keys of one packet (a slow line, key repeat) would be reordered:
`/abc` would type into the list that was focused before `/`, and BackSpace would follow the letters.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.events import Event, Key
from textual.message_pump import MessagePump

PASSES = 3  # a key, the messages it posts (text changed), and those that follow from them (cursor moved)
PATIENCE = 1.0  # seconds that keys wait for a task in a thread, such as the presets of Launch being read


class KeyOrder:
    """The keys that wait, and the task that hands them on. `hand_on` is Textual's own handling of one."""

    def __init__(self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, event: Event) -> None:
        """Take a key or a paste; it is handed on once those before it are done."""
        self._waiting.append(event)
        if not self.busy:
            self._task = asyncio.create_task(self._run(), name="keys in order")

    @property
    def busy(self) -> bool:
        """Whether a key has not been handled yet."""
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        try:
            while self._waiting:
                for event in self._parts(self._waiting.popleft()):
                    await self._hand_on(event)
                    await self._settle()
        except Exception as error:  # as Textual does for an error in a handler
            self._app._handle_exception(error)

    def _parts(self, event: Event) -> list[Event]:
        """Return esc and a letter for alt and the letter: a terminal sends the same bytes for both.

        In a field, alt with b, f and d move by words elsewhere, and must not act on the list behind it.
        """
        if not isinstance(event, Key) or not event.key.startswith("alt+") or not event.is_printable:
            return [event]
        focused = self._app.focused
        types = focused is not None and focused.check_consume_key(event.key, event.character)
        if types and event.character in ("b", "f", "d"):
            return [event]
        return [Key("escape", "\x1b"), Key(event.key.removeprefix("alt+"), event.character)]

    async def _settle(self) -> None:
        """Wait until the key and its messages have passed, and its screen has no task under way."""
        for _ in range(PASSES):
            await self._pass_through()
        until = time.monotonic() + PATIENCE
        while getattr(self._app.screen, "tasks", 0) and time.monotonic() < until:
            await asyncio.sleep(0.005)

    async def _pass_through(self) -> None:
        """Send a callback along the way of a key: from the focused widget up to the app, queue by queue."""
        done = asyncio.Event()
        target = self._app.focused or self._app.screen
        way: list[MessagePump] = [node for node in target.ancestors_with_self if node.is_running]

        def step(place: int) -> None:
            while place < len(way):
                if way[place].call_later(step, place + 1):
                    return
                place += 1  # it is being closed
            done.set()

        step(0)
        with suppress(TimeoutError):  # a widget that was removed while the callback waited in its queue
            await asyncio.wait_for(done.wait(), PATIENCE)
