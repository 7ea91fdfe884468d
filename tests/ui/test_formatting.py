"""How runs are shown: order of the queue, lengths of time, text cut to a width, ASCII."""

from typing import Any

import pytest
from rich.cells import cell_len

from workbench.api.runs import RunRow
from workbench.errors import WorkbenchError
from workbench.ui.ascii import ascii_only
from workbench.ui.formatting import aside, bar, clock, fit, queue_order, shortened, whole
from workbench.ui.launch_form import read_sweep
from workbench.ui.widgets.meters import fitting


def row(run_id: str, state: str, **values: object) -> RunRow:
    return RunRow(id=run_id, name=run_id, kind="vae", data="digits", state=state, **values)  # type: ignore[arg-type]


def test_queued_runs_are_in_the_order_they_will_start() -> None:
    rows = [
        row("old", "finished", ended=10.0),
        row("second", "queued", created=2.0),
        row("first", "queued", created=3.0, priority=1),
        row("new", "failed", ended=20.0),
        row("paused", "paused"),
        row("work", "running"),
    ]
    assert [r.id for r in queue_order(rows)] == ["work", "first", "second", "paused", "new", "old"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.2, "0:00"),
        (64, "1:04"),
        (3725, "1:02:05"),
        (float("nan"), ""),
        (float("inf"), ""),
        (-1, ""),
    ],
)
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("text", ["", "abc", "abcdefghij", "日本語の名前", "e\u0301e\u0301"])
@pytest.mark.parametrize("width", [0, 1, 2, 5, 20])
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit(text, width, right=True)) == width


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_the_bar_is_full_at_one(part: float) -> None:
    done, still = bar(part, 10)
    assert (len(done), len(done + still)) == (round(10 * part), 10)


def test_the_reason_does_not_repeat_the_state() -> None:
    assert aside(row("x", "cancelled", reason="Cancelled.")) == ""
    assert aside(row("x", "failed", reason="Killed.", failure="out-of-memory", next="Tried again.")) == (
        "out of memory · Killed. · Tried again."
    )


def test_ascii_keeps_the_width() -> None:
    text = "● vae ━━╌╌ 0.5 ± 0.1 ★ 日本"
    assert ascii_only(text).isascii() and cell_len(ascii_only(text)) == cell_len(text)
    assert ascii_only("0.5 ± 0.1") == "0.5 +-0.1"  # 0.5 + 0.1 would be a sum


def test_meters_that_do_not_fit_are_left_out_whole() -> None:
    assert fitting(("CPU 5%", "mem 1/8G", "GPU0 90%"), 17) == "CPU 5%  mem 1/8G"
    assert fitting(("CPU 5%",), 3) == ""


NOTHING = {"laws": [], "grid": [], "zipped": [], "draws": None, "draw_seed": 0}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  ", {}),
        (
            "model.encoder=[64, 64],[128]  training.lr=1e-3,1e-4",
            {"grid": ["model.encoder=[64, 64],[128]", "training.lr=1e-3,1e-4"]},
        ),
        (
            "a.x=1,2 --zip b.y=3, 4 --zip b.z=5,6; c.w=7",
            {"grid": ["a.x=1,2", "c.w=7"], "zipped": ["b.y=3, 4", "b.z=5,6"]},
        ),
        (
            "--random 9 a.x=loguniform(1e-4, 1e-2) --random-seed 3 --set b.y=choice([1, 2],3)",
            {"laws": ["a.x=loguniform(1e-4, 1e-2)", "b.y=choice([1, 2],3)"], "draws": 9, "draw_seed": 3},
        ),
    ],
)
def test_a_grid_line_is_read_as_on_the_command_line(text: str, found: dict[str, Any]) -> None:
    assert read_sweep(text) == {**NOTHING, **found}


@pytest.mark.parametrize("text", ["--random", "--random 0", "--random x", "--zap a.x=1", "--zip 3 a.x=1"])
def test_a_grid_line_with_a_wrong_option_is_refused(text: str) -> None:
    with pytest.raises(WorkbenchError, match=r"needs a whole number|Cannot read"):
        read_sweep(text)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("widths of the hidden layers", 40, "widths of the hidden layers"),
        ("widths of the hidden layers", 20, "widths of the…"),
        ("non-linearity of it, of the layers", 22, "non-linearity of it…"),
        ("non-linearity of the layers", 15, ""),
        ("share (of the batch)", 10, ""),
        ("share of (the batch)", 13, "share of…"),
        ("widths of the hidden layers", 0, ""),
        ("widths of the hidden layers", -3, ""),
    ],
)
def test_remarks_are_cut_between_words_or_left_out(text: str, width: int, shown: str) -> None:
    assert shortened(text, width) == shown


def test_notes_are_shown_whole_or_counted():
    notes = ["one", "two words", "x" * 9, "last"]
    assert whole(notes, 10, 4) == (notes, 0)
    assert whole(notes, 10, 3) == (notes[:2], 2)  # a row is kept for the count
    assert whole(notes, 4, 4) == (notes[:1], 3)  # the second takes three rows
    assert whole(notes, 0, 2) == ([], 4)
    assert whole([], 10, 0) == ([], 0)
