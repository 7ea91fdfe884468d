"""Results, Compare and Table: filter, order, groups, marks, deleting with undo, notes, files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.stores import make_run
from tests.ui.apps import AVB, LAE, LEBM, VAE, message_of, opened, press, screen_text, settled, until
from workbench.api.runs import RunRow, list_runs, removals, remove_runs
from workbench.api.stores import Store
from workbench.api.tables import comparison
from workbench.results.table import number_cell
from workbench.store.disk import folder_bytes
from workbench.store.files import read_json, write_json
from workbench.text import format_bytes
from workbench.ui.results_rows import Entry, metric_column
from workbench.ui.screens.compare import CompareScreen
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.screens.table import TableScreen
from workbench.ui.screens.trash import TrashList
from workbench.ui.widgets.table_grid import TableGrid

TWIN = "20261121-150000-vae-digits-z9y8"


@pytest.fixture
def store(store: Store) -> Store:
    make_run(store.root, TWIN, seeds=(3, 4), created=1_795_273_200.0)
    return store


@asynccontextmanager
async def results(store: Store, *keys: str) -> AsyncIterator[Pilot[Any]]:
    async with opened(store, "b", *keys, size=(120, 32)) as pilot:
        yield pilot


def page(pilot: Pilot[Any]) -> ResultsScreen:
    assert isinstance(pilot.app.screen, ResultsScreen)
    return pilot.app.screen


def listed(pilot: Pilot[Any]) -> list[str]:
    return [entry.row.id for entry in page(pilot).grid.entries]


async def test_all_runs_newest_first(store: Store) -> None:
    async with results(store) as pilot:
        assert listed(pilot) == [TWIN, LEBM, AVB, LAE, VAE]
        assert "5 of 5 runs" in screen_text(pilot.app)


async def test_disk_space_of_runs_and_groups_can_be_shown_and_sorted(store: Store) -> None:
    async with results(store, "v") as pilot:
        grid = page(pilot).grid
        sizes = {row.id: folder_bytes(store.run(row.id)) for row in grid.rows}
        assert grid.chooser.sizes == sizes and min(sizes.values()) > 0
        keys = [column.key for column in grid._columns]
        shown = {entry.ids: grid.cells(k)[keys.index("disk")].text for k, entry in enumerate(grid.entries)}
        assert shown == {ids: format_bytes(sum(sizes[run] for run in ids)) for ids in shown}
        assert (TWIN, VAE) in shown, "a group takes what its runs take together"
        grid.column = keys.index("disk")
        await press(pilot, "s")
        totals = [sum(sizes[run] for run in entry.ids) for entry in grid.entries]
        assert totals == sorted(totals)


async def test_the_filter_is_applied_with_each_key(store: Store) -> None:
    """What a filter finds and refuses is tested in tests/results/test_query.py."""
    async with results(store, "slash") as pilot:
        await press(pilot, "minus", *"state", "colon", *"finished")
        assert listed(pilot) == [LEBM, AVB, LAE]


async def test_an_invalid_filter_is_reported_and_the_list_stays(store: Store) -> None:
    async with results(store) as pilot:
        for typed, sentence, ids in (
            ("model:vae", "", [TWIN, VAE]),
            (
                "stat:finished",
                "There is no field, setting or metric 'stat'. Did you mean 'state'?",
                [TWIN, VAE],
            ),
            ("model:lae", "", [LAE]),
        ):
            page(pilot).filter.value = typed
            await settled(pilot)
            assert message_of(pilot).startswith(sentence) and listed(pilot) == ids
            assert bool(message_of(pilot)) == bool(sentence)


async def test_sort_by_the_chosen_column_both_ways_with_nothing_last(store: Store) -> None:
    async with results(store) as pilot:
        runs = page(pilot).grid
        keys = [column.key for column in runs.columns]
        await press(pilot, *["right"] * (keys.index("test_mse") + 1), "s")
        assert listed(pilot)[:2] == [TWIN, VAE] and "reconstruction MSE, ascending" in message_of(pilot)
        await press(pilot, "s")
        assert listed(pilot)[:2] == [VAE, TWIN]
        await pilot.press("left", "right")
        assert runs.columns[runs.column].key == "test_mse"


async def test_groups_pool_the_seeds_of_runs_that_differ_in_nothing_else_each_once(store: Store) -> None:
    again = "20261121-160000-vae-digits-a1b2"
    make_run(store.root, again, seeds=(2, 3), created=1_795_276_800.0)
    async with results(store, "v") as pilot:
        runs = page(pilot).grid
        pooled = next(entry for entry in runs.entries if TWIN in entry.ids)
        assert pooled.ids == (again, TWIN, VAE) and pooled.row.seeds == (0, 1, 2, 3, 4)
        assert len(runs.entries) == 4 and "6 of 6 runs, in groups" in screen_text(pilot.app)
        cells = dict(zip([c.key for c in runs.columns], runs.cells(runs.entries.index(pooled)), strict=True))
        values = [0.027, 0.127, 0.127, 0.027, 0.127]  # 2 and 3 are those of the newest run
        assert cells["seeds"].text == "5" and cells["test_mse"].text == number_cell(values).text
        await pilot.press("v")
        assert len(runs.entries) == 6


async def test_marks_and_compare(store: Store) -> None:
    async with results(store, "c") as pilot:
        assert "mark at least two runs" in message_of(pilot)
        await pilot.press("space", "space")
        assert page(pilot).grid.marked == {TWIN, LEBM} and page(pilot).grid.cursor == 2
        await pilot.press("k", "space")  # takes a mark away again
        assert page(pilot).grid.marked == {TWIN}
        await press(pilot, "G", "space", "c")
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen) and compare.run_ids == [TWIN, VAE]
        await until(pilot, lambda: compare.pane is not None and len(compare.pane.runs) == 2)
        assert [label for label, _ in compare.pane.runs] == ["vae-digits z9y8", "vae-digits k3f9"]
        await pilot.press("l")
        assert compare.pane.log_y
        await pilot.press("escape", "M")
        assert page(pilot).grid.marked == set()


async def test_compare_shows_only_settings_that_differ(store: Store) -> None:
    async with results(store, "j", "space", "space", "c") as pilot:
        await settled(pilot)
        grid = pilot.app.screen.query_one(TableGrid)
        shown = [grid.cells(row)[0].text for row in range(grid.count)]
        assert "model.kind" in shown and "data.name" not in shown


async def test_compare_shows_differences_on_the_same_examples(store: Store) -> None:
    hard = np.random.default_rng(0).normal(size=(3, 360))  # how hard an example is, for either run
    for run_id, own in ((VAE, 0.0), (TWIN, 0.5)):
        count = len(read_json(store.run(run_id).result)["seeds"])
        arrays = {"example_test_mse": hard[:count] + own, "example_index": np.arange(360)}
        np.savez(store.run(run_id).examples, example_id=np.arange(360, dtype=np.uint64), **arrays)
    async with results(store, "space", "G", "space", "c") as pilot:
        await settled(pilot)
        grid = pilot.app.screen.query_one("#paired", TableGrid)
        await until(pilot, lambda: grid.count == 1)
        texts = [cell.text for cell in grid.cells(0)]
        assert texts[:2] == ["reconstruction MSE", "vae-digits-k3f9 − vae-digits-z9y8"] and "360" in texts


async def test_delete_and_undo(store: Store) -> None:
    async with results(store, "u") as pilot:
        assert "nothing to restore" in message_of(pilot)
        await pilot.press("d")  # under the cursor: the newest
        await until(pilot, lambda: TWIN not in listed(pilot))
        assert "u restores" in message_of(pilot) and not (store.root / TWIN).exists()
        await pilot.press("u")
        await until(pilot, lambda: TWIN in listed(pilot))
        assert (store.root / TWIN / "result.json").exists()


async def test_a_run_at_work_is_not_deleted(store: Store) -> None:
    async with results(store, "j", "j", "d") as pilot:
        await settled(pilot)
        assert "is queued" in message_of(pilot) and AVB in listed(pilot)


async def test_a_note_with_tags(store: Store) -> None:
    async with results(store, "a") as pilot:
        await pilot.press(*"good", "space", "number_sign", *"best", "enter")
        await until(pilot, lambda: any(row.tags == ("best",) for row in list_runs(store)))
        row = next(row for row in list_runs(store) if row.tags)
        assert (row.id, row.note) == (TWIN, "good")


async def test_t_tabulates_and_e_writes_three_files_and_never_over_others(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with results(store, "t") as pilot:
        await settled(pilot)
        assert isinstance(pilot.app.screen, TableScreen)
        await press(pilot, "e")
        names = sorted(path.name for path in tmp_path.glob("comparison*"))
        assert names == ["comparison.csv", "comparison.md", "comparison.tex"]
        assert "comparison.md" in message_of(pilot) and str(tmp_path) in message_of(pilot)
        before = (tmp_path / "comparison.md").read_text()
        await press(pilot, "e")
        assert (tmp_path / "comparison-2.md").read_text() == before
        assert (tmp_path / "comparison.md").read_text() == before


async def test_E_asks_for_the_folder(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper").mkdir()
    async with results(store, "t", "E") as pilot:
        box = pilot.app.screen.query_one("#field")
        assert box.value == str(tmp_path)
        box.value = str(tmp_path / "paper")
        await press(pilot, "enter")
        assert (tmp_path / "paper" / "comparison.tex").exists()
        await pilot.press("E")
        box.value = str(tmp_path / "nowhere")
        await press(pilot, "enter")
        assert "There is no folder" in message_of(pilot)


async def test_the_study_table_from_the_bench(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(store, size=(120, 32)) as pilot:
        await press(pilot, "e")
        assert "e again writes starter-1.md" in message_of(pilot) and list(tmp_path.glob("starter*")) == []
        await press(pilot, "e")
        assert (tmp_path / "starter-1.csv").exists() and "starter-1.md" in message_of(pilot)
        await press(pilot, "t")
        grid = pilot.app.screen.query_one(TableGrid)
        assert [grid.cells(row)[0].text for row in range(grid.count)] == ["VAE", "LAE", "AVB", "LEBM"]


def many_rows(n: int) -> list[RunRow]:
    """Rows such as a list of n runs has."""
    kinds = ("vae", "lae", "avb", "lebm")
    return [
        RunRow(
            id=f"20261121-142530-run-{k:05}",
            name=f"run {k}",
            kind=kinds[k % 4],
            data="digits",
            state="finished",
            group=f"g{k % 1000}",
            created=float(n - k),
            started=1.0,
            ended=2.0 + k,
            summary={"test_mse": (0.01 * (k % 97), 0.02), "knn_accuracy": (None if k % 5 == 0 else 0.9,)},
        )
        for k in range(n)
    ]


async def test_of_ten_thousand_runs_only_visible_lines_are_made(store: Store) -> None:
    """A DataTable makes the texts of all of them, which takes seconds (benchmarks/run_list.py)."""
    async with results(store) as pilot:
        rows, runs = many_rows(10_000), page(pilot).grid
        page(pilot).with_preview = False
        pilot.app.feed.stop()
        runs.update_rows(rows)
        await pilot.press("s", "v", "v", "G", "g", "pagedown", "slash", *"model", "colon", *"lae")
        await until(pilot, lambda: len(runs.entries) == 2500)
        await settled(pilot)
        assert 0 < sum(bool(entry.texts) for entry in runs.entries) <= 2 * runs.size.height


async def test_marks_that_the_filter_hides_are_left_alone_and_named(store: Store) -> None:
    async with results(store, "space", "G", "space") as pilot:
        page(pilot).filter.value = "model:lebm"
        await settled(pilot)
        assert "(2 hidden)" in page(pilot).top.place
        for key, sentence in (
            ("d", "No run selected."),
            ("c", "the filter hides 2 marked runs"),
            ("t", "hides 2"),
        ):
            await press(pilot, key)
            assert sentence in message_of(pilot) and pilot.app.screen is page(pilot)
        assert {row.id for row in list_runs(store)} >= {TWIN, VAE, LEBM}


async def test_a_deletion_is_named_and_any_screen_undoes_it(store: Store) -> None:
    async with results(store, "d") as pilot:
        await until(pilot, lambda: TWIN not in listed(pilot))
        (token,) = [removal.token for removal in removals(store)]
        assert "1 run: vae-digits" in message_of(pilot) and token in message_of(pilot)
        await press(pilot, "escape", "u")  # on the Bench, after Results was closed
        await until(pilot, lambda: any(row.id == TWIN for row in pilot.app.rows or []))
        assert f"Restored {TWIN}" in message_of(pilot) and removals(store) == []


async def test_the_trash_lists_deletions_and_restores_the_chosen_one(store: Store) -> None:
    first, second = (remove_runs(store, [run_id]) for run_id in (TWIN, VAE))
    async with opened(store, "T", size=(120, 32)) as pilot:
        grid = pilot.app.screen.query_one(TrashList)
        assert [one.token for one in grid.found] == [second, first]
        await press(pilot, "j", "u")
        await until(pilot, lambda: len(grid.found) == 1)
        assert [row.id for row in list_runs(store) if row.kind == "vae"] == [TWIN]


async def test_a_run_at_work_is_refused_without_a_command_line(store: Store) -> None:
    async with results(store, "j", "j", "d") as pilot:
        assert (
            message_of(pilot)
            == "Cannot delete avb-digits: it is queued. Cancel it first on the Bench with x."
        )


@pytest.mark.parametrize("key", ["b", "t"], ids=["results", "table"])
async def test_at_80_columns_the_first_metric_is_seen_and_names_differ(store: Store, key: str) -> None:
    long = "vae-digits net=conv encoder=[8,16] decoder=[16,8] latent="
    for latent in (2, 16):
        spec = make_run(store.root, f"20261121-15000{latent % 10}-vae-digits-a{latent:03}").spec
        spec.write_text(
            spec.read_text()
            .replace('"vae-digits"', f'"{long}{latent}"')
            .replace("latent = 8", f"latent = {latent}")
        )
        origin = spec.parent / "origin.json"
        write_json(origin, {**read_json(origin), "group": f"g{latent}"})
    rows = [row for row in list_runs(store) if long in row.name]
    assert len(rows) == 2
    async with opened(store, "b", *(["t"] if key == "t" else []), size=(80, 24)) as pilot:
        text = screen_text(pilot.app)
        assert "latent=2" in text and "latent=16" in text and "0.13 ± 0.10" in text


async def test_on_the_table_n_and_b_act_and_notes_can_be_read_to_the_end(store: Store) -> None:
    async with opened(store, "t", size=(80, 24)) as pilot:
        table = pilot.app.screen
        assert isinstance(table, TableScreen)
        table._show(replace(table.table, notes=tuple(f"note {k}" for k in range(60))))  # type: ignore[type-var]
        await settled(pilot)
        assert "N shows" in screen_text(pilot.app), screen_text(pilot.app)
        await press(pilot, "N", "G")
        assert "note 59" in screen_text(pilot.app)
        await press(pilot, "N", "n")
        assert pilot.app.screen.NAME == "launch"  # type: ignore[attr-defined]
        await press(pilot, "escape", "b")
        assert isinstance(pilot.app.screen, ResultsScreen)


async def test_compare_heads_settings_as_it_names_the_curves(store: Store) -> None:
    async with results(store, "j", "space", "space", "c") as pilot:
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        await until(pilot, lambda: compare.grid.count > 0 and compare.pane is not None and compare.pane.runs)
        headings = [" ".join(column.heading).strip() for column in compare.grid.columns]
        assert headings == ["setting", *(label for label, _ in compare.pane.runs)]
        assert len(set(compare.grid.colours.values())) == 2


async def test_numbers_in_the_list_are_those_of_the_table(store: Store) -> None:
    paths = make_run(store.root, "20261121-150000-vae-digits-one1", seeds=(0,))
    result = read_json(paths.result)
    result["metrics"]["energy_distance_null"] = {"values": [-0.0001083], "se": [0.0024], "n": 20}
    write_json(paths.result, result)
    (row,) = [row for row in list_runs(store) if row.id == paths.root.name]
    entry = Entry(row, (row,))
    shown = {name: metric_column(name).text(entry) for name in row.summary}
    table = comparison(store, [row], list(row.summary))
    for name in row.summary:
        assert shown[name] == table.column(name)[0].text.removesuffix(" (n=20)")
    assert shown["test_mse"] == "0.03 (SE 0.20)"
