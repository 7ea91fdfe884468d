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
from workbench.api.live import LiveRun
from workbench.api.stores import Store
from workbench.errors import WorkbenchError
from workbench.spec.health import Health
from workbench.store.files import read_json, write_json
from workbench.ui.widgets.chrome import RunHeader
from workbench.ui.widgets.pane import waiting


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the queue was asked for, instead of asking it."""
    calls: list[tuple[Any, ...]] = []

    def request(store: Store, run_id: str, verb: str, value: int | None = None) -> None:
        calls.append((run_id, verb, value))

    monkeypatch.setattr("workbench.api.queue.request", request)
    return calls


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


async def test_presses_of_plus_add_up_before_the_list_shows_them(store: Store, asked: list[Any]) -> None:
    async with opened(store) as pilot:
        bench_of(pilot).queue.choose(AVB)
        await press(pilot, "plus", "plus", "plus", "minus", "plus")
        assert [value for _, _, value in asked] == [1, 2, 3, 2, 3]


async def test_the_cursor_keeps_its_place_when_its_run_is_cancelled(store: Store) -> None:
    async with opened(store) as pilot:
        queue = bench_of(pilot).queue
        queue.choose(AVB)
        rows = [
            replace(row, state="cancelled", ended=1.0) if row.id == AVB else row
            for row in pilot.app.rows or []
        ]
        assert [row.id for row in queue.rows][1] == AVB
        queue.update_rows(rows)
        assert queue.cursor == 1 and queue.chosen != AVB


async def test_a_finished_run_that_is_unhealthy_has_another_sign(store: Store) -> None:
    async with opened(store, size=(100, 24)) as pilot:
        rows = [
            replace(row, health=(Health("unhealthy", ("the loss rose",)),)) if row.id == VAE else row
            for row in pilot.app.rows or []
        ]
        bench_of(pilot).queue.update_rows(rows)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "! vae-digits" in text and "✓ vae-digits" not in text


async def test_names_in_the_queue_show_what_differs_and_the_header_the_id(store: Store) -> None:
    for place, latent in enumerate((2, 16)):
        spec = make_run(
            store.root, f"20261121-15000{place}-vae-digits-a{latent:03}", created=9e8 + place
        ).spec
        name = f"vae-digits net=conv encoder=[8,16] latent={latent}"
        spec.write_text(spec.read_text().replace('"vae-digits"', f'"{name}"'))
    make_run(store.root, "20261121-150009-lae-digits-zzzz", kind="lae", created=9e8)
    async with opened(store) as pilot:
        text = screen_text(pilot.app)
        assert "latent=2" in text and "latent=16" in text
        assert "lae-digits m2p4" in text and "lae-digits zzzz" in text
        await resize(pilot, 200, 50)
        await settled(pilot)
        assert LAE in screen_text(pilot.app)
        await pilot.press("Y")
        assert message_of(pilot) == f"Copied {store.root / LAE}" and pilot.app.clipboard == str(
            store.root / LAE
        )


async def test_the_advice_on_a_failure_is_shown_to_its_end(store: Store) -> None:
    async with opened(store) as pilot:
        reason, advice = (
            "The loss is not finite at step 12, after it had grown for a while.",
            "Try training.lr=1e-4.",
        )
        rows = [
            replace(row, reason=reason, next=advice) if row.id == LEBM else row
            for row in pilot.app.rows or []
        ]
        bench_of(pilot).queue.update_rows(rows)
        bench_of(pilot).queue.choose(LEBM)
        await pilot.pause()
        header = bench_of(pilot).query_one(RunHeader)
        assert advice in " ".join(
            " ".join(strip.text.split()) for strip in header.render_lines(header.size.region)
        )


async def test_no_message_or_pane_repeats_itself_or_names_a_command(store: Store) -> None:
    make_run(store.root, "20261121-150000-vae-digits-pau5", state="paused", points=0)
    paths = store.run("20261121-150000-vae-digits-pau5")
    write_json(paths.state, {**read_json(paths.state), "reason": "Paused."})
    live = LiveRun(store, "20261121-150000-vae-digits-pau5")
    live.poll()
    assert waiting(live, "") == "vae-digits is paused."
    async with opened(store) as pilot:

        def refuse() -> None:
            raise WorkbenchError("Cannot do that.", "See `workbench runs ls`.")

        bench_of(pilot).in_thread(refuse)
        await settled(pilot)
        assert message_of(pilot) == "Cannot do that."
