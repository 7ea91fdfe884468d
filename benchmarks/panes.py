"""Cost of the screens: drawing a pane, the time from a key to the screen, and the first paint.

    python benchmarks/panes.py            (about a minute; makes a store in a temporary folder)

Prints figures only. Goals: about 2 ms of CPU a pane; key to paint < 30 ms (median) with four live panes of
10 000 points; first paint at most twice that of an empty Textual app in the same run. Wall times are taken in
a pseudo-terminal of 160×48 and depend on what else the machine does: compare within one run only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for tests/stores.py, which makes the store

POINTS = 10_000
PRESSES = 25
ROUNDS = 7
RUN = "20261121-142530-lae-digits-k3f9"
ESCAPE = re.compile(rb"\x1b(\[[0-9;?<>=]*[a-zA-Z]|[()][A-Z0-9]|[=>78])")

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("Bench")
Empty().run()
"""


def main() -> None:
    """Print all figures."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        store = make_big_store(Path(folder) / "runs")
        show_build_cost(store)
        for rate in (2, 4):
            show_key_latency(store, rate)
        show_bytes(store)
        show_first_paint(store)


def token(k: int) -> str:
    """Return a text for the k-th press that has no cell in common with that of the press before."""
    return chr(ord("A") + k % 26) * 9


def make_big_store(root: Path) -> Path:
    """Make a store with an LAE run at work: loss, acceptance and η of 3 seeds, 10 000 points each."""
    from tests.stores import make_run, make_store

    paths = make_run(make_store(root), RUN, kind="lae", state="running", points=0)
    with paths.metrics.open("w") as file:
        for step in range(1, POINTS + 1):
            file.write(metric_row(step))
    return root


def metric_row(step: int) -> str:
    """Return one training row and one validation row of three seeds."""
    rng = np.random.default_rng(step)
    loss = 25 + 30 * np.exp(-step / 2000) + rng.normal(size=3)
    values = {"loss": loss.tolist(), "acceptance": (0.574 + 0.1 * rng.normal(size=3)).tolist()}
    values["step_size"] = (1e-4 * np.exp(-step / 4000) * np.ones(3)).tolist()
    row = {"step": step, "epoch": step / 14, "seconds": step / 220, "split": "train", "values": values}
    test = {**row, "split": "test", "values": {"loss": (loss + 1).tolist()}}
    return json.dumps(row) + "\n" + json.dumps(test) + "\n"


def show_build_cost(root: Path) -> None:
    """Print CPU milliseconds to draw each pane anew at 100×30, and to take one new row in."""
    from types import SimpleNamespace

    from rich.style import Style

    from workbench.api.live import LiveRun
    from workbench.ui.canvas.frame import Frame
    from workbench.ui.canvas.palette import Look, Palette
    from workbench.ui.widgets.curve_pane import CurvePane
    from workbench.ui.widgets.pane_deck import load_pane

    live = LiveRun(SimpleNamespace(root=root), RUN)
    begun = time.process_time()
    while live.poll():
        pass
    print(f"first look at {POINTS} points of 4 curves: {1e3 * (time.process_time() - begun):8.1f} ms CPU")
    palette = Palette(Style(color="#e0e0e0", bgcolor="#101010"), Look())
    four = CurvePane()
    four.show_many([(f"run {k}", live) for k in range(4)])
    single: list[Any] = [load_pane(name)() for name in ("curves", "model", "latents", "samples")]
    for pane in single:
        pane.show(live)
    smooth = CurvePane()
    smooth.cycle("smooth")
    smooth.show(live)
    named = [
        ("4 runs with bands", four),
        ("train and test with bands", single[0]),
        ("the same, smoothed", smooth),
    ]
    for name, pane in [
        *named,
        ("chain", single[1]),
        ("latents, 500 points", single[2]),
        ("samples", single[3]),
    ]:
        costs = []
        for _ in range(20):
            begun = time.process_time()
            frame = Frame(100, 30, palette)
            pane.draw(frame, palette)
            frame.strips()
            costs.append(1e3 * (time.process_time() - begun))
        print(f"draw 100×30, {name:<27} {statistics.median(costs):8.2f} ms CPU")
    costs = []
    for step in range(POINTS + 1, POINTS + 21):
        with (root / RUN / "metrics.jsonl").open("a") as file:
            file.write(metric_row(step))
        begun = time.process_time()
        assert live.poll()
        costs.append(1e3 * (time.process_time() - begun))
    print(f"take in one new row of each curve          {statistics.median(costs):8.2f} ms CPU")


class Terminal:
    """A program in a pseudo-terminal of 160×48, and what it wrote."""

    def __init__(self, *command: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
        env.pop("NO_COLOR", None)
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True, cwd=ROOT
        )
        os.close(slave)
        self.count = 0  # bytes read by `wait_for`

    def wait_for(self, text: bytes, seconds: float = 30.0) -> float:
        """Return the time at which `text` had been written; RuntimeError if it is not."""
        seen, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    new = os.read(self.master, 1 << 16)
                    self.count += len(new)
                    seen = (seen + new)[-(1 << 18) :]
                except OSError:
                    break
                if text in ESCAPE.sub(b"", seen):
                    return time.monotonic()
        raise RuntimeError(f"{text!r} did not appear; the last that did: {ESCAPE.sub(b'', seen)[-500:]!r}")

    def drain(self, seconds: float) -> int:
        """Read for a while; return the number of bytes."""
        count, end = 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    count += len(os.read(self.master, 1 << 16))
        return count

    def press(self, key: bytes) -> float:
        os.write(self.master, key)
        return time.monotonic()

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def growing(root: Path, rate: float) -> Iterator[None]:
    """Append a row to the run `rate` times a second."""
    over = threading.Event()

    def write() -> None:
        step = 2 * POINTS
        while not over.wait(1 / rate):
            step += 1
            with (root / RUN / "metrics.jsonl").open("a") as file:
                file.write(metric_row(step))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def show_key_latency(root: Path, rate: int) -> None:
    """Print the wall time from a key press to its effect on the screen, panes live at `rate` a second."""
    for mode in ("text", "panes", "bench"):
        terminal = Terminal(sys.executable, __file__, "--serve", mode, str(root), str(rate))
        try:
            with growing(root, rate):
                terminal.wait_for(token(0).encode())
                written = terminal.drain(4.0)
                times = []
                for k in range(1, PRESSES + 1):
                    terminal.drain(0.05 + 0.013 * (k % 20))  # at all places between two updates
                    pressed = terminal.press(b"\x1bOS")  # F4
                    times.append(1e3 * (terminal.wait_for(token(k).encode()) - pressed))
        finally:
            terminal.close()
        name = {"text": "no panes", "panes": "4 live panes", "bench": "the whole Bench"}[mode]
        tenth = statistics.quantiles(times, n=10)[-1]
        print(
            f"key to paint at {rate} Hz, {name:<16} {statistics.median(times):7.1f} ms median "
            f"{tenth:7.1f} ms p90 {written / 4096:7.1f} KiB/s"
        )


def show_bytes(root: Path) -> None:
    """Print the bytes of a first paint, a cursor step and a live second, and those of whole repaints."""
    from tests.stores import make_run

    other = root / "20261121-142531-vae-digits-m2p4"
    if not other.exists():
        make_run(root, other.name, kind="vae")
    found: dict[str, dict[str, float]] = {}
    for mode in ("whole", "bench"):
        terminal = Terminal(sys.executable, __file__, "--serve", mode, str(root), "4")
        try:
            terminal.wait_for(token(0).encode())  # the panes are there
            first = terminal.count
            terminal.drain(2.0)
            steps = []
            for key in b"jkjkjk":
                terminal.press(bytes([key]))
                steps.append(terminal.drain(1.5))
            with growing(root, 4):
                terminal.drain(1.0)
                second = terminal.drain(5.0) / 5
        finally:
            terminal.close()
        found[mode] = {"first paint": first, "cursor step": statistics.median(steps), "live second": second}
    for name, thin in found["bench"].items():
        whole = found["whole"][name]
        print(f"bytes of a {name:<12} {thin:9.0f}   {thin / whole:.2f} of {whole:.0f} for whole repaints")


def show_first_paint(root: Path) -> None:
    """Print the wall time from start to first paint, alternating with an empty Textual app."""
    screens = f"from pathlib import Path; from workbench.ui.app import run_app; run_app(Path({str(root)!r}))"
    command_line = "from workbench.cli.main import main; main()"
    commands = {
        "empty Textual app": [sys.executable, "-c", EMPTY_APP],
        "the screens": [sys.executable, "-c", screens],
        "the command `workbench`": [sys.executable, "-c", command_line, "--store", str(root)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            terminal = Terminal(*command)
            try:
                times[name].append(terminal.wait_for(b"Bench") - terminal.begun)
            finally:
                terminal.close()
    empty = statistics.median(times["empty Textual app"])
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"first paint, {name:<24} {middle:6.2f} s   {middle / empty:.2f} ×")


def serve(mode: str, root: Path, rate: float) -> None:
    """Run the app that is measured: F4 writes how often it was pressed."""
    from textual.app import App, ComposeResult
    from textual.binding import Binding
    from textual.containers import Grid
    from textual.widgets import Static

    from workbench.api.stores import open_store
    from workbench.ui.app import WorkbenchApp
    from workbench.ui.feed import Feed
    from workbench.ui.messages import LiveChanged
    from workbench.ui.widgets.pane_deck import load_pane

    class Bench(WorkbenchApp):
        BINDINGS = [Binding("f4", "count", priority=True)]  # noqa: RUF012
        presses = 0

        def on_live_changed(self, message: LiveChanged) -> None:
            super().on_live_changed(message)
            if not self.presses and message.lives:
                self.pages[-1].show_message(token(0))

        def action_count(self) -> None:
            self.presses += 1
            self.pages[-1].show_message(token(self.presses))

    class Panes(App[None]):
        CSS = "Static { height: 1; } Grid { grid-size: 2; } Grid > * { border: round $primary; }"
        BINDINGS = [Binding("f4", "count", priority=True)]  # noqa: RUF012
        presses = 0

        def compose(self) -> ComposeResult:
            yield Static("starting")
            with Grid():
                for name in ("curves", "model", "curves", "model") if mode == "panes" else ():
                    yield load_pane(name)()

        def on_mount(self) -> None:
            self.feed = Feed(open_store(root), self.post_message, rate)
            self.feed.watch([RUN])
            self.run_worker(self.feed.run, thread=True, exit_on_error=False)

        def on_live_changed(self, message: LiveChanged) -> None:
            for pane in self.query("Grid > *"):
                pane.show(message.lives[RUN])  # type: ignore[attr-defined]
                pane.refresh_data()  # type: ignore[attr-defined]
            if not self.presses:
                self.query_one(Static).update(token(0))

        def action_count(self) -> None:
            self.presses += 1
            self.query_one(Static).update(token(self.presses))

    class Whole(Bench):
        """As Textual writes it: whole widgets."""

        def _display(self, screen: Any, renderable: Any) -> None:
            App._display(self, screen, renderable)

    kinds = {"bench": Bench, "whole": Whole}
    app = kinds[mode](open_store(root), rate=rate) if mode in kinds else Panes()
    app.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)  # an app in a process of its own
    if served := parser.parse_args().serve:
        serve(served[0], Path(served[1]), float(served[2]))
    else:
        main()
