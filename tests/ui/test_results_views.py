"""Results as a list with a preview: opening runs, folded groups, chosen columns, and what is remembered."""

from pathlib import Path

import pytest

from tests.stores import make_run
from tests.ui.apps import LAE, VAE, message_of, opened, press, resize, screen_text, until
from tests.ui.test_results import TWIN, listed, page, results
from workbench.api.stores import Store
from workbench.settings import config_dir
from workbench.ui.screens.columns import ColumnsScreen
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.screens.run import RunScreen


@pytest.fixture
def store(store: Store) -> Store:
    make_run(store.root, TWIN, seeds=(3, 4), created=1_795_273_200.0)
    return store


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_run_under_the_cursor_is_previewed(store: Store, size: tuple[int, int]) -> None:
    async with opened(store, "b", "G", size=size) as pilot:
        preview = page(pilot).preview
        assert preview.live is not None and preview.live.id == VAE and preview.header.run_row.id == VAE
        beside = preview.region.x > 0
        assert beside == (size[0] >= 110) and (preview.region.y > page(pilot).grid.region.y) != beside
        assert "━━ train" in screen_text(pilot.app) and "reconstruction MSE" in screen_text(pilot.app)
        await press(pilot, "z")
        assert not preview.display and page(pilot).grid.size.width >= size[0] - 2


async def test_enter_opens_the_run_with_the_panes_of_the_bench_and_esc_returns(store: Store) -> None:
    async with results(store, "j", "j", "j", "enter") as pilot:
        run = pilot.app.screen
        assert isinstance(run, RunScreen) and run.run_id == LAE
        await resize(pilot, 80, 24)
        await press(pilot, "2")
        assert "acceptance" in screen_text(pilot.app) and run.deck.live.id == LAE  # type: ignore[union-attr]
        await press(pilot, "6", "z", "tab", "l", "Y")
        assert message_of(pilot) == f"Copied {store.root / LAE}"
        await press(pilot, "escape")
        assert not run.zoomed
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, ResultsScreen) and page(pilot).grid.cursor == 3


async def test_a_group_unfolds_into_its_runs(store: Store) -> None:
    async with results(store, "v", "g", "enter") as pilot:
        runs = page(pilot).grid
        assert [(entry.depth, entry.ids) for entry in runs.entries[:3]] == [
            (0, (TWIN, VAE)), (1, (TWIN,)), (1, (VAE,)),
        ]  # fmt: skip
        assert "5 of 5 runs" in screen_text(pilot.app)
        await press(pilot, "j", "space", "c")
        assert runs.marked == {TWIN} and [row.id for row in runs.chosen()] == [TWIN]
        await press(pilot, "g", "enter")
        assert listed(pilot)[0] == TWIN and len(runs.entries) == 4


async def test_settings_become_columns_that_sort_and_are_remembered(store: Store) -> None:
    other = make_run(store.root, "20261121-170000-vae-digits-l016", created=1_795_280_000.0)
    other.spec.write_text(other.spec.read_text().replace("latent = 8", "latent = 16"))
    async with results(store, "C") as pilot:
        columns = pilot.app.screen
        assert isinstance(columns, ColumnsScreen)
        columns.grid.move_to(columns.grid.order.index("model.latent"))
        await press(pilot, "space", "escape")
        runs = page(pilot).grid
        await until(pilot, lambda: "model.latent" in [column.key for column in runs.columns])
        place = [column.key for column in runs.columns].index("model.latent")
        shown = {entry.row.id: runs.cells(k)[place].text for k, entry in enumerate(runs.entries)}
        assert shown[other.root.name] == "16" and shown[TWIN] == "8"
        runs.choose_column(place)
        await press(pilot, "s", "s")
        assert runs.entries[0].row.id == other.root.name
    async with results(store) as pilot:
        await until(pilot, lambda: "model.latent" in [column.key for column in page(pilot).grid.columns])
        await press(pilot, "C", "backspace")
        assert "model.latent" not in [column.key for column in page(pilot).grid.columns]
    assert "columns" not in (config_dir() / "screens.json").read_text()


async def test_columns_move_and_an_unchanged_choice_keeps_those_of_a_new_start(store: Store) -> None:
    async with results(store, "C", "escape") as pilot:
        assert page(pilot).grid.chooser.wanted is None
        before = [column.key for column in page(pilot).grid.columns]
        await press(pilot, "C", "J", "escape")
        after = [column.key for column in page(pilot).grid.columns]
        assert after[2:4] == before[2:4][::-1] and after[4:] == before[4:]
        assert (config_dir() / "screens.json").exists()


async def test_a_memory_that_cannot_be_written_does_not_matter(store: Store) -> None:
    config_dir().parent.mkdir(parents=True, exist_ok=True)
    config_dir().write_text("not a folder")
    async with results(store, "C", "J", "escape") as pilot:
        await until(pilot, lambda: page(pilot).grid.chooser.wanted is not None)
