"""The Bench: the queue's order and cursor, and what each key asks of it."""

import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.stores import make_run
from tests.ui.apps import (
    AVB,
    LAE,
    LEBM,
    VAE,
    bench_of,
    message_of,
    opened,
    press,
    resize,
    screen_text,
    settled,
    until,
)
from workbench.api.stores import Store
from workbench.errors import WorkbenchError
from workbench.ui.widgets.chrome import RunHeader


async def test_the_queue_shows_runs_at_work_first_and_what_is_over_last(store: Store) -> None:
    async with opened(store) as pilot:
        assert [row.id for row in bench_of(pilot).queue.rows] == [LAE, AVB, LEBM, VAE]
        assert bench_of(pilot).queue.chosen == LAE


async def test_arrows_and_vim_keys_move_the_cursor(store: Store) -> None:
    async with opened(store) as pilot:
        seen = []
        for key in [
            "down",
            "j",
            "k",
            "up",
            "G",
            "g",
            "end",
            "home",
            "pagedown",
            "pageup",
            "ctrl+d",
            "ctrl+u",
        ]:
            await pilot.press(key)
            await pilot.pause()
            seen.append(bench_of(pilot).queue.chosen)
        assert seen == [AVB, LEBM, AVB, LAE, VAE, LAE, VAE, LAE, VAE, LAE, VAE, LAE]


async def test_choosing_a_run_shows_it_in_header_and_panes(store: Store) -> None:
    async with opened(store) as pilot:
        await press(pilot, "G")
        assert bench_of(pilot).query_one(RunHeader).run_row.id == VAE
        assert bench_of(pilot).deck.live is not None and bench_of(pilot).deck.live.id == VAE


async def test_the_cursor_follows_the_run_at_work_until_the_user_moves_it(store: Store) -> None:
    async with opened(store) as pilot:
        rows = {row.id: row for row in pilot.app.rows or []}
        turned = rows | {AVB: replace(rows[AVB], state="running"), LAE: replace(rows[LAE], state="finished")}
        queue = bench_of(pilot).queue
        queue.update_rows(list(turned.values()))
        assert queue.chosen == AVB
        queue.move(1)
        chosen = queue.chosen
        queue.update_rows(list(rows.values()))
        assert queue.chosen == chosen != LAE


@pytest.mark.parametrize(
    ("run_id", "key", "wanted"),
    [
        (LAE, "p", ("pause", None)),
        (LEBM, "R", ("retry", None)),
        (AVB, "plus", ("priority", 1)),
        (AVB, "equals_sign", ("priority", 1)),
        (AVB, "minus", ("priority", -1)),
    ],
)
async def test_a_key_asks_the_queue(
    store: Store, asked: list[Any], run_id: str, key: str, wanted: tuple[Any, ...]
) -> None:
    async with opened(store) as pilot:
        bench_of(pilot).queue.choose(run_id)
        await press(pilot, key)
        assert asked == [(run_id, *wanted)]
        assert message_of(pilot)


async def test_resume_asks_for_a_paused_run(empty: Store, asked: list[Any]) -> None:
    make_run(empty.root, VAE, state="paused")
    async with opened(empty) as pilot:
        await press(pilot, "r")
        assert asked == [(VAE, "resume", None)]


@pytest.mark.parametrize("key", ["p", "x", "r", "plus"])
async def test_a_request_that_the_state_does_not_allow_is_refused(
    store: Store, asked: list[Any], key: str
) -> None:
    async with opened(store) as pilot:
        await press(pilot, "G", key)  # the finished run
        assert asked == [] and "it is finished" in message_of(pilot)


@pytest.mark.parametrize("key", ["p", "r", "x", "R", "t", "e"])
async def test_without_runs_the_keys_say_what_to_do(empty: Store, asked: list[Any], key: str) -> None:
    async with opened(empty) as pilot:
        await press(pilot, key)
        assert asked == [] and "s queues the starter study" in message_of(pilot)


async def test_cancel_waits_and_counts_down_unless_undone_or_pressed_twice(
    store: Store, asked: list[Any]
) -> None:
    async with opened(store) as pilot:
        bench, clock = bench_of(pilot), SimpleNamespace(time=100.0)
        bench.countdown._now = lambda: clock.time
        await pilot.press("x", "u")
        clock.time += 60
        bench._tick()
        await settled(pilot)
        assert asked == [] and "Kept 1 run" in message_of(pilot)
        await pilot.press("x")
        assert asked == [] and "in 5 s" in message_of(pilot)
        clock.time += 3.5
        bench._tick()
        assert "in 2 s" in message_of(pilot) and bench.queue.countdowns == {LAE: 2}
        clock.time += 2
        bench._tick()
        await settled(pilot)
        assert asked == [(LAE, "cancel", None)] and bench.queue.countdowns == {}
        await press(pilot, "x", "x")  # at once
        assert asked == [(LAE, "cancel", None)] * 2


async def test_s_queues_the_starter_study(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["a", "b"], []]
    studies: list[str] = []

    def submit(_: Store, name: str) -> SimpleNamespace:
        studies.append(name)
        return SimpleNamespace(queued=answers[len(studies) - 1], before="12 done")

    monkeypatch.setattr("workbench.api.studies.submit_study", submit)
    async with opened(empty) as pilot:
        await press(pilot, "s")
        assert studies == ["starter"] and "Queued 2 runs" in message_of(pilot)
        await press(pilot, "s")
        assert "Nothing to queue: the starter study has 12 done" in message_of(pilot)


async def test_an_error_of_the_queue_is_one_sentence_on_the_screen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise WorkbenchError("The store can only be read.", "Choose another one.")

    monkeypatch.setattr("workbench.api.queue.request", refuse)
    async with opened(store) as pilot:
        await press(pilot, "p")
        assert message_of(pilot) == "The store can only be read. Choose another one."


async def test_the_keys_open_the_other_screens_and_esc_comes_back(store: Store) -> None:
    async with opened(store) as pilot:
        for key, name in (("n", "launch"), ("b", "results"), ("t", "table"), ("question_mark", "help")):
            await press(pilot, key)
            assert name == pilot.app.screen.NAME  # type: ignore[attr-defined]
            await press(pilot, "escape")
            assert pilot.app.screen.NAME == "bench"  # type: ignore[attr-defined]


async def test_quitting_says_that_runs_continue(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    last_words: list[str] = []
    async with opened(store) as pilot:
        app = pilot.app
        printed = lambda: last_words.extend(map(str, app._exit_renderables))  # noqa: E731
        monkeypatch.setattr(app, "_print_error_renderables", printed)
        await pilot.press("q")
    assert app.return_code == 0
    assert "Runs continue in the background" in last_words[0]


@pytest.mark.parametrize("size", [(40, 10), (80, 17), (1, 1)])
async def test_too_small_says_so_and_comes_back(store: Store, size: tuple[int, int]) -> None:
    async with opened(store) as pilot:
        await resize(pilot, *size)
        assert not bench_of(pilot).queue.display or bench_of(pilot).has_class("-too-small")
        if size == (40, 10):
            assert "needs 60×18" in " ".join(screen_text(pilot.app).split())
        await resize(pilot, 160, 48)
        await settled(pilot)
        assert "vae-digits" in screen_text(pilot.app) and "needs 60×18" not in screen_text(pilot.app)


async def test_the_keys_come_back_where_they_were(store: Store) -> None:
    async with opened(store) as pilot:
        await press(pilot, "5")
        held = pilot.app.screen.focused
        assert held is not None and held.id == "log"
        for _ in range(2):
            await resize(pilot, 30, 8)
            await settled(pilot)
            await resize(pilot, 80, 24)
            await settled(pilot)
            assert pilot.app.screen.focused is held


async def test_the_queue_gets_the_keys_when_the_first_run_is_there(empty: Store) -> None:
    async with opened(empty) as pilot:
        make_run(empty.root, LAE, kind="lae", state="queued")
        await until(pilot, lambda: bench_of(pilot).focused is bench_of(pilot).queue)


async def test_the_bench_survives_a_deleted_run(store: Store) -> None:
    async with opened(store) as pilot:
        shutil.rmtree(store.root / LAE)
        await until(pilot, lambda: LAE not in [row.id for row in bench_of(pilot).queue.rows])
        await settled(pilot)
        assert bench_of(pilot).queue.chosen == AVB
