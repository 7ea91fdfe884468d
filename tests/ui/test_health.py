"""The verdict on a run on the screens: in words and with a mark, so that no colour is needed."""

from typing import Any

import pytest

from tests.ui.apps import VAE, opened, press, screen_text
from workbench.api.stores import Store
from workbench.store.files import read_json, write_json
from workbench.ui.ascii import ascii_only


@pytest.fixture
def store(store: Store) -> Store:
    """The finished VAE has a seed that is unhealthy."""
    path = store.run(VAE).result
    sound: dict[str, Any] = {"verdict": "healthy", "reasons": []}
    bad = {"verdict": "unhealthy", "reasons": ["the loss rose: it ended 3 of its fall above its best"]}
    write_json(path, {**(read_json(path) or {}), "health": [sound, bad, sound]})
    return store


async def test_bench_shows_the_verdict_in_the_queue_and_the_reason_in_the_header(store: Store) -> None:
    async with opened(store, "G", size=(80, 24)) as pilot:
        text = screen_text(pilot.app)
        assert "unhealthy 1/3 ! · 9s" in text
        assert "Seed 1 is unhealthy: the loss rose" in text
        assert "unhealthy 1/3 ! - 9s" in ascii_only(text)


async def test_results_and_table_have_the_mark(store: Store) -> None:
    async with opened(store, "b", size=(80, 24)) as pilot:
        marked = [row.split()[0] for row in screen_text(pilot.app).splitlines() if "vae-digits" in row]
        assert marked[0] == "!"
        await press(pilot, "slash", *"health", "colon", *"unhealthy", "enter", "t")
        text = screen_text(pilot.app)
        assert "0.13 ± 0.10 !" in text
        assert "!: a run behind this is unhealthy" in text
