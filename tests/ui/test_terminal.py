"""What no colours, ASCII, any size, signals and a lost terminal do to the screens (or do not)."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

import workbench.api.runs as runs
from tests.ui.apps import (
    StillApp,
    bench_of,
    message_of,
    opened,
    press,
    resize,
    screen_lines,
    screen_text,
    until,
)
from workbench.api.stores import Store
from workbench.ui.canvas.palette import Look

SCREENS = ("n", "b", "t", "S", "T", "question_mark")
AWAY = ("escape",) * 3  # from any of them


async def test_in_ascii_every_screen_is_ascii(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StillApp, "look", Look("ascii", "16"), raising=False)
    async with opened(store, ascii_only=True, size=(160, 48)) as pilot:
        assert screen_text(pilot.app).isascii()
        for key in SCREENS:
            await press(pilot, key)
            assert screen_text(pilot.app).isascii(), key
            await pilot.press(*AWAY)


async def test_without_colour_every_screen_is_drawn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(store, size=(160, 48)) as pilot:
        for key in SCREENS:
            await press(pilot, key)
            await press(pilot, *AWAY)
        assert "lae-digits" in screen_text(pilot.app)
        assert bench_of(pilot).deck.panes[0].palette().look.colours == "none"


@pytest.mark.slow
async def test_any_size_is_survived_on_every_screen(store: Store) -> None:
    async with opened(store) as pilot:
        for key in ("escape", *SCREENS):
            await press(pilot, key)
            for size in ((30, 10), (1, 1), (60, 18), (240, 60), (80, 24)):
                await resize(pilot, *size)
                assert [len(row) for row in screen_lines(pilot.app)] == [size[0]] * size[1]
            await pilot.press(*AWAY)


async def test_trouble_with_the_store_is_reported_and_so_is_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runs.list_runs

    def fail(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    async with opened(store) as pilot:
        monkeypatch.setattr(runs, "list_runs", fail)
        await until(pilot, lambda: message_of(pilot) == "The store cannot be read: Permission denied.")
        monkeypatch.setattr(runs, "list_runs", real)
        await until(pilot, lambda: message_of(pilot) == "The store can be read again.")


async def test_the_palette_finds_actions_of_the_screen_and_does_them(empty: Store) -> None:
    async with opened(empty) as pilot:
        names = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]
        assert "starter (s)" in names and "queue (ctrl+s)" not in names
        await pilot.press("ctrl+p")
        await pilot.pause(0.1)
        await pilot.press(*"results")
        await pilot.pause(0.5)
        await press(pilot, "down", "enter")
        assert pilot.app.screen.NAME == "results"  # type: ignore[attr-defined]


# a real process on a real pty


def start(store: Path, ignore_hangup: bool = False) -> tuple[subprocess.Popen[bytes], int]:
    """Start the screens on a new pseudo-terminal; return the process and the terminal's other end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = f"from workbench.ui.app import run_app; from pathlib import Path; run_app(Path({str(store)!r}))"

    def ready() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if ignore_hangup:  # as nohup does
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"},
        preexec_fn=ready,
    )
    os.close(slave)
    return process, master


def read_until(master: int, wanted: bytes, seconds: float = 30.0) -> bytes:
    """Read what the process draws until `wanted` was drawn; its questions are not answered."""
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
    return seen


def test_sigterm_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    process, master = start(tmp_path / "runs")
    try:
        assert b"queue is empty" in read_until(master, b"queue is empty")
        process.send_signal(signal.SIGTERM)
        assert b"\x1b[?1049l" in read_until(master, b"\x1b[?1049l")  # back from the alternate screen
        assert process.wait(20) == 0
    finally:
        process.kill()
        os.close(master)


@pytest.mark.parametrize("ignored", [False, True], ids=["hang-up", "nohup"])
def test_a_lost_terminal_ends_the_process(tmp_path: Path, ignored: bool) -> None:
    process, master = start(tmp_path / "runs", ignored)
    try:
        assert b"queue is empty" in read_until(master, b"queue is empty")
        os.close(master)
        assert process.wait(20) != 0
    finally:
        process.kill()
