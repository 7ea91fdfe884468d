"""The table builder: rows, metrics, pivot, baseline, reported values, LaTeX, saving; and the studies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.stores import make_run
from tests.ui.apps import LEBM, message_of, opened, press, screen_text, settled, until
from workbench.api.stores import Store
from workbench.api.studies import find_study
from workbench.api.tables import study_table
from workbench.store.files import read_json, write_json
from workbench.ui.screens.columns import ColumnsScreen
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.screens.studies import StudiesScreen
from workbench.ui.screens.table import TableScreen


@pytest.fixture
def store(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Three more VAEs that differ in the latent dimensions, each with its own group."""
    monkeypatch.chdir(tmp_path)
    for latent in (2, 4, 16):
        paths = make_run(
            store.root, f"20261121-15{latent:02}00-vae-digits-l{latent:03}", created=1.8e9 + latent
        )
        paths.spec.write_text(paths.spec.read_text().replace("latent = 8", f"latent = {latent}"))
        write_json(paths.origin, {**read_json(paths.origin), "group": f"g{latent}"})
        result = read_json(paths.result)
        result["metrics"]["test_mse"]["values"] = [0.1 / latent + 0.001 * k for k in range(3)]
        write_json(paths.result, result)
    return store


@asynccontextmanager
async def builder(store: Store, *keys: str, size: tuple[int, int] = (120, 32)) -> AsyncIterator[Pilot[Any]]:
    """Open the table of the four VAEs, then press keys."""
    async with opened(store, "b", size=size) as pilot:
        assert isinstance(pilot.app.screen, ResultsScreen)
        pilot.app.screen.filter.value = "model:vae"
        await settled(pilot)
        await press(pilot, "t")
        await settled(pilot)
        for key in keys:
            await press(pilot, key)
        yield pilot


def page(pilot: Pilot[Any]) -> TableScreen:
    assert isinstance(pilot.app.screen, TableScreen)
    return pilot.app.screen


def column(pilot: Pilot[Any], key: str) -> list[str]:
    table = page(pilot).table
    assert table is not None
    return [cell.text for cell in table.column(key)]


async def choose(pilot: Pilot[Any], *keys: str) -> None:
    """Mark exactly these keys on the screen of choices, and leave it."""
    columns = pilot.app.screen
    assert isinstance(columns, ColumnsScreen)
    for key in list(columns.grid.order):
        if (key in columns.grid.shown) != (key in keys):
            columns.grid.move_to(columns.grid.order.index(key))
            await press(pilot, "space")
    await press(pilot, "escape")


async def test_rows_baseline_metrics_and_sort_are_chosen(store: Store) -> None:
    async with builder(store, "r") as pilot:
        await choose(pilot, "model.latent")
        await press(pilot, "B")
        assert page(pilot).draft.layout.baseline == "model.latent=2"
        deltas = column(pilot, "test_mse_difference")
        assert deltas[0] == "–" and all("p=" in text for text in deltas[1:])
        await press(pilot, "B")
        assert page(pilot).draft.layout.baseline == ""
        await press(pilot, "m")
        await choose(pilot, "test_mse", "energy_distance")
        assert page(pilot).draft.layout.rows == ("model.latent",)
        assert [column.key for column in page(pilot).table.columns] == [  # type: ignore[union-attr]
            "model.latent", "test_mse", "energy_distance",
        ]  # fmt: skip
        assert column(pilot, "model.latent") == ["2", "4", "8", "16"]
        await press(pilot, "right", "right", "s")
        assert column(pilot, "model.latent") == ["16", "4", "2", "8"]
        await press(pilot, "s")
        assert column(pilot, "model.latent") == ["8", "2", "4", "16"]
        assert "*unsaved" in screen_text(pilot.app)


async def test_the_pivot_steps_and_the_layout_is_edited_in_its_list(store: Store) -> None:
    async with builder(store, "m") as pilot:
        await choose(pilot, "test_mse")
        for _ in range(10):
            await press(pilot, "p")
            if page(pilot).draft.layout.columns == "model.latent":
                break
        assert [text for row in page(pilot).table.rows for text in (row[0].text,)] == ["VAE"]  # type: ignore[union-attr]
        assert "latent=16" in screen_text(pilot.app)
        await press(pilot, "tab", *["j"] * 5, "space")
        assert page(pilot).draft.layout.spread == "interval"
        await press(pilot, *["j"] * 3, "enter", *"Mine", "enter")
        assert page(pilot).draft.layout.caption == "Mine" and "Mine" in screen_text(pilot.app)


async def test_a_layout_that_does_not_fit_is_refused_and_the_table_stays(store: Store) -> None:
    async with builder(store, "tab", "j", "j", "j", "enter", *"lae", "enter") as pilot:
        assert "No row is the baseline 'lae'" in message_of(pilot)
        assert page(pilot).draft.layout.baseline == "" and page(pilot).table is not None


async def test_a_reported_value_is_shown_beside_the_own_and_saved(store: Store) -> None:
    async with builder(store, "r") as pilot:
        await choose(pilot, "model.latent")
        await press(pilot, "right", "right", "a", *"0.021 (theirs)", "enter", *"A paper", "enter")
        printed = column(pilot, "published_test_mse")
        assert printed[0].startswith("0.021") and set(printed[1:]) == {"–"}
        await press(pilot, "W", *"mine", "enter")
        assert "Saved" in message_of(pilot) and "*unsaved" not in screen_text(pilot.app)
        saved = study_table(store, "mine")
        assert [cell.text for cell in saved.column("published_test_mse")] == printed
        assert saved.columns[0].key == "model.latent" and any("A paper" in note for note in saved.notes)
        await press(pilot, "W", "enter")
        assert "exists: save it again to replace it" in message_of(pilot)
        await press(pilot, "W", "enter")
        assert "Saved" in message_of(pilot)
        await press(pilot, "a", *"many", "enter", "enter")
        assert "must be text that begins with a number" in message_of(pilot)


async def test_latex_is_shown_and_copied_and_enter_lists_the_runs_of_a_row(store: Store) -> None:
    async with builder(store, "y") as pilot:
        assert pilot.app.clipboard.startswith("|") or "| model" in pilot.app.clipboard
        await press(pilot, "i")
        assert "\\begin{tab" in screen_text(pilot.app)
        await press(pilot, "y")
        assert "\\begin{tab" in pilot.app.clipboard
        await press(pilot, "escape")
        assert page(pilot).text == "" and page(pilot).grid.display
        await press(pilot, "j", "enter")
        results = pilot.app.screen
        assert isinstance(results, ResultsScreen)
        await settled(pilot)
        assert len(results.grid.entries) == 1 and results.filter.value.startswith("id=")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["B", "s", "a", "enter", "plus", "y", "i", "W"])
async def test_without_results_no_key_breaks_the_table(store: Store, key: str) -> None:
    async with opened(store, size=(80, 24)) as pilot:
        pilot.app.screen.queue.choose(LEBM)  # type: ignore[attr-defined]
        await press(pilot, "t", "G", key)
        assert screen_text(pilot.app).strip()


async def test_a_study_is_listed_with_its_progress_and_its_missing_runs_are_queued(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []

    def submit(_: Store, name: str, budget: str = "") -> SimpleNamespace:
        queued.append(name)
        return SimpleNamespace(queued=["a"] * 12, before="12 missing", unavailable={})

    monkeypatch.setattr("workbench.api.studies.submit_study", submit)
    async with opened(store, "S", size=(100, 30)) as pilot:
        studies = pilot.app.screen
        assert isinstance(studies, StudiesScreen)
        names = [study.name for study in studies.grid.studies]
        studies.grid.move_to(names.index("starter"))
        await until(pilot, lambda: "starter" in studies.grid.progress)  # read once the cursor rests
        assert studies.grid.progress["starter"] == "12 missing"
        plans = studies._serial["plan"]
        studies.runs_changed()  # with the same runs in the same states
        assert studies._serial["plan"] == plans
        assert [one.run.preset for one in studies.plan.lines] == list(find_study("starter").presets)
        await press(pilot, "plus")
        assert queued == [] and "+ again queues" in message_of(pilot)
        await press(pilot, "plus")
        assert queued == ["starter"] and "Queued 12 runs of starter" in message_of(pilot)
        await press(pilot, "enter")
        await settled(pilot)
        assert "not run" in screen_text(pilot.app) or "stale" in screen_text(pilot.app)
        await press(pilot, "plus", "plus")
        assert queued == ["starter"] * 2


async def test_the_builder_fits_80_columns(store: Store) -> None:
    async with builder(store, size=(80, 24)) as pilot:
        assert not page(pilot).form.display and "0.05" in screen_text(pilot.app)
        await press(pilot, "tab")
        text = screen_text(pilot.app)
        assert all(word in text for word in ("pivot", "baseline", "reported")) and "0.05" in text
