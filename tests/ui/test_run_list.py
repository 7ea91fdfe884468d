"""The queue on the Bench: names, signs, advice, requests that add up, and where the cursor is."""

from dataclasses import replace
from typing import Any

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
)
from workbench.api.live import LiveRun
from workbench.api.stores import Store
from workbench.errors import WorkbenchError
from workbench.spec.health import Health
from workbench.store.files import read_json, write_json
from workbench.ui.labels import apart, squeezed, tails
from workbench.ui.widgets.chrome import RunHeader
from workbench.ui.widgets.pane import waiting


async def test_presses_of_plus_add_up_and_the_cursor_keeps_its_place_when_its_run_is_cancelled(
    store: Store, asked: list[Any]
) -> None:
    async with opened(store) as pilot:
        queue = bench_of(pilot).queue
        queue.choose(AVB)
        await press(pilot, "plus", "plus", "plus", "minus", "plus")  # the list does not show them yet
        assert [value for _, _, value in asked] == [1, 2, 3, 2, 3]
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


async def test_a_long_line_of_the_log_is_wrapped(store: Store) -> None:
    (store.root / LAE / "worker.log").write_text("training " + "word " * 40 + "the-end\n")
    async with opened(store, "5") as pilot:
        assert "the-end" in screen_text(pilot.app)


def test_names_are_cut_where_they_agree() -> None:
    names = [f"vae-digits net=conv encoder=[8,16] latent={k}" for k in (2, 4, 16)]
    assert apart([*names, "lae-digits net=conv"], 80) == [*names, "lae-digits net=conv"]
    assert apart([*names, "lae-digits net=conv"], 22)[:3] == [f"vae-digits latent={k}" for k in (2, 4, 16)]
    assert apart(names, 16) == ["vae-d…s latent=2", "vae-d…s latent=4", "vae-d…latent=16"]
    assert squeezed("vae-digits latent=16", 14) == "vae-…latent=16"
    assert [len(squeezed("abcdefghijkl", width)) for width in range(13)] == list(range(13))
    assert tails(["x-1-aaaa", "x-2-bbbb", "y-cccc"], ["x", "x", "y"]) == ["x aaaa", "x bbbb", "y"]


async def test_a_long_queue_has_one_thin_scroll_bar_and_its_last_run_is_seen(store: Store) -> None:
    for k in range(20):
        make_run(store.root, f"20261120-1425{k:02}-vae-digits-q{k:03}", created=8e8 + k, points=0)
    async with opened(store, "G") as pilot:
        queue = bench_of(pilot).queue
        assert queue.show_vertical_scrollbar and not queue.show_horizontal_scrollbar
        assert queue.styles.scrollbar_size_vertical == 1
        assert "q000" in screen_text(pilot.app) and queue.cursor == queue.count - 1
