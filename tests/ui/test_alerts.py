"""When the screens ring: a watched run ended, and what the notification says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stores import row
from workbench.ui.alerts import ended, notification

RUN, OTHER = row(id="a", name="vae-digits", state="running"), row(id="b", name="lae", state="queued")


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (None, [replace(RUN, state="finished")], ""),  # the first list
        ([], [replace(RUN, state="finished")], ""),
        ([RUN], [RUN], ""),
        ([RUN], [replace(RUN, state="paused")], ""),
        ([RUN, OTHER], [replace(RUN, state="finished"), OTHER], "vae-digits: finished"),
        (
            [RUN],
            [replace(RUN, state="failed", failure="diverged")],
            "vae-digits: diverged. The queue is empty",
        ),
        (
            [RUN, OTHER],
            [replace(RUN, state="failed"), replace(OTHER, state="finished")],
            "2 runs ended: 1 finished, 1 failed. The queue is empty",
        ),
    ],
)
def test_runs_that_ended_are_reported(before, now, text: str) -> None:
    assert ended(before, now) == text


def test_a_name_cannot_break_out_of_the_notification() -> None:
    assert notification("a\x07\x1b]52;c;x\x07b").count("\x07") == 2
    assert notification("a\x1b]52").count("\x1b") == 1
