"""What no colours, ASCII, signals and a lost terminal do to the screens (or do not)."""

from __future__ import annotations

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

from tests.ui.apps import StillApp, empty_store, message_of, screen_text, settled, starter_store, wait_for
from workbench.ui.canvas.palette import Look

SCREENS = ("n", "b", "t", "question_mark")


async def test_in_ascii_every_screen_is_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StillApp, "look", Look("ascii", "16"), raising=False)
    app = StillApp(starter_store(tmp_path / "runs"), ascii_only=True)
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        assert screen_text(app).isascii()
        for key in SCREENS:
            await pilot.press(key)
            await settled(pilot)
            assert screen_text(app).isascii(), key
            await pilot.press("escape", "escape", "escape")


async def test_every_screen_survives_any_size_without_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = StillApp(starter_store(tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for key in ("escape", *SCREENS):
            await pilot.press(key)
            await settled(pilot)
            for size in ((30, 10), (1, 1), (240, 60), (80, 24)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
            await pilot.press("escape", "escape", "escape")
        await settled(pilot)
        assert "lae-digits" in screen_text(app)


async def test_trouble_with_the_store_is_reported_and_so_is_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StillApp(starter_store(tmp_path / "runs"))

    def fail(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        with monkeypatch.context() as patch:
            patch.setattr("workbench.api.runs.list_runs", fail)
            await wait_for(pilot, lambda: message_of(pilot))
            assert message_of(pilot) == "The store cannot be read: Permission denied."
        await wait_for(pilot, lambda: "again" in message_of(pilot))
        assert message_of(pilot) == "The store can be read again."


async def test_the_palette_finds_actions_of_the_screen_and_does_them(tmp_path: Path) -> None:
    app = StillApp(empty_store(tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        names = [command.title for command in app.get_system_commands(app.screen)]
        assert "starter (s)" in names and "queue (ctrl+s)" not in names
        await pilot.press("ctrl+p")
        await pilot.pause(0.1)
        await pilot.press(*"results")
        await pilot.pause(0.5)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert app.screen.NAME == "results"  # type: ignore[attr-defined]


# a real process on a real pty


def start(
    store: Path, *, ignore_hangup: bool = False, **environment: str
) -> tuple[subprocess.Popen[bytes], int]:
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
        env={**os.environ, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1", **environment},
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
        last = read_until(master, b"\x1b[?1049l")
        assert b"\x1b[?1049l" in last  # back from the alternate screen
        assert process.wait(20) == 0
    finally:
        process.kill()
        os.close(master)


@pytest.mark.parametrize("ignored", [False, True], ids=["hang-up", "nohup"])
def test_a_lost_terminal_ends_the_process(tmp_path: Path, ignored: bool) -> None:
    process, master = start(tmp_path / "runs", ignore_hangup=ignored)
    try:
        assert b"queue is empty" in read_until(master, b"queue is empty")
        os.close(master)
        assert process.wait(20) != 0
    finally:
        process.kill()
