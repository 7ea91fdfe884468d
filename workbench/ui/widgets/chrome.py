"""The lines around a screen's body: its name and the meters, messages, keys, tabs, the chosen run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from workbench.spec.health import health_reasons
from workbench.ui.formatting import aside, clock, line, share, state_sign
from workbench.ui.keys import Action, footer, shown_key
from workbench.ui.labels import squeezed
from workbench.ui.widgets.meters import fitting
from workbench.ui.widgets.pane_deck import PANES

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

LEAST = (60, 18)  # columns and rows below which nothing fits
Kind = Literal["note", "good", "trouble"]
SHOWN_FOR: dict[Kind, float] = {"note": 10.0, "good": 20.0, "trouble": 30.0}  # seconds


class TopBar(Widget):
    """The screen's name, the store, the scheduler; the meters on the right."""

    DEFAULT_CSS = "TopBar { height: 1; width: 1fr; }"

    place: reactive[str] = reactive("")
    store: reactive[str] = reactive("")
    scheduler: reactive[str] = reactive("")
    meters: reactive[tuple[str, ...]] = reactive(())

    def render(self) -> Text:
        """Return the line. Where it is narrow, meters give way first, then the store's path."""
        width = self.size.width
        text = Text(f" workbench  {self.place}  ", style="bold", no_wrap=True)
        tail = f"  {self.scheduler}" if self.scheduler else ""
        least = min(len(self.store), 16)
        meters = fitting(self.meters, width - text.cell_len - least - len(tail) - 3)
        room = width - text.cell_len - len(tail) - (len(meters) + 3 if meters else 1)
        store = self.store
        if len(store) > room:  # its end has the name; in ASCII a … would be the ~ of a home folder
            store = f"...{store[3 - room :]}" if room >= 6 else ""
        text.append(store + tail, style="not bold")
        text.truncate(max(0, width - (len(meters) + 1 if meters else 0)))
        if meters:
            text.append(" " * max(1, width - text.cell_len - len(meters) - 1) + meters, style="not bold")
        return text


class KeyBar(Widget):
    """The keys of a screen, as many as fit; a click on one presses it."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; }"

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self.actions = actions

    def render(self) -> Text:
        text = Text(" ", no_wrap=True)
        for action in footer(self.actions, self.size.width - 1):
            target = f"app.simulate_key('{action.keys[0]}')"
            click = Style(meta={"@click": target})
            text.append(shown_key(action.keys[0]), style=Style(bold=True) + click)
            text.append(f" {action.label}", style=click)
            text.append("  ")
        return text


class MessageLine(Widget):
    """What happened last, or what went wrong and how to fix it. Never covers anything."""

    DEFAULT_CSS = "MessageLine { height: auto; max-height: 4; width: 1fr; }"

    text: reactive[str] = reactive("", layout=True)
    _timer: Timer | None = None

    def show_message(self, text: str, kind: Kind = "note") -> None:
        """Show a sentence until the next one, or for some seconds; an empty one clears the line."""
        self.set_classes(f"-{kind}")
        self.text = line(text, 600)
        if self._timer is not None:
            self._timer.stop()
        clear = partial(setattr, self, "text", "")
        self._timer = self.set_timer(SHOWN_FOR[kind], clear) if text else None

    def render(self) -> Text:
        return Text(self.text)


class TooSmall(Widget):
    """Replaces the whole screen while the terminal is too small."""

    DEFAULT_CSS = "TooSmall { height: 1fr; width: 1fr; display: none; }"

    def render(self) -> Text:
        (width, height), least = self.app.size, "×".join(map(str, LEAST))
        return Text(
            f"This terminal is {width}×{height}; workbench needs {least}. Enlarge it to continue. q quits."
        )


class TabBar(Widget):
    """The names of the panes with their numbers; the visible one is highlighted."""

    DEFAULT_CSS = "TabBar { height: 1; width: 1fr; }"

    current: reactive[int] = reactive(0)

    def render(self) -> Text:
        room = self.size.width - sum(len(name) + 3 for name in PANES)
        gap = "  " if room >= len(PANES) else " "
        text = Text(no_wrap=True)
        for k, name in enumerate(PANES):
            here = k == self.current
            label = f"{k + 1} {name}" if room >= -1 or here else f"{k + 1} {name[:3]}"
            click = Style(meta={"@click": f"screen.pane({k + 1})"})
            text.append(label, style=Style(bold=here, reverse=here) + click)
            text.append(gap)
        return text


class RunHeader(Widget):
    """The chosen run in one line; below it, wrapped, why it is in its state and what helps."""

    DEFAULT_CSS = "RunHeader { height: auto; max-height: 5; width: 1fr; }"

    run_row: reactive[Any] = reactive(None, layout=True)

    def render(self) -> Text:
        """Return the lines about the run; parts of the first one that do not fit are left out whole."""
        row: RunRow | None = self.run_row
        if row is None:
            return Text("")
        width = self.content_size.width
        text = Text(f"{state_sign(row)} {squeezed(line(row.name), width - 2)}", style="bold")
        parts: list[str] = [row.state]
        if row.state == "running":
            done = share(row)
            parts.append(
                f"{line(row.phase, 20)} {row.step:,}/{row.total:,}" if row.total else line(row.phase, 20)
            )
            parts.append(f"{done:.0%}" if done is not None else "")
            parts.append(f"{row.steps_per_second:,.0f} steps/s" if row.steps_per_second else "")
            parts.append(f"{clock(row.eta)} left" if row.eta is not None else "")
            parts.append(line(row.device, 20))
        elif row.state in ("finished", "starting"):
            parts.append(aside(row))
        parts.append(
            "seeds " + " ".join(str(seed) for seed in row.seeds[:8]) + ("…" if len(row.seeds) > 8 else "")
        )
        parts += [line(row.study, 40), row.id]
        for part in parts:
            if part and text.cell_len + 3 + cell_len(part) <= width:
                text.append(f" · {part}", style="not bold")
        if row.state == "running" and row.reason:
            text.append(f"\n{line(row.reason, 160)}", style="not bold")
        if row.state in ("queued", "paused", "failed", "cancelled") and aside(row):
            text.append(f"\n{aside(row, 600)}", style="not bold")
        for sentence in health_reasons(row.seeds, row.health)[:1]:
            text.append(f"\n{line(sentence)}", style="not bold")
        return text
