"""Tables through the api: whole studies, and files that are never overwritten by accident or left torn."""

import json
import os
import threading
from pathlib import Path

import pytest

from tests.stores import make_run
from workbench.api import tables
from workbench.api.runs import list_runs
from workbench.api.stores import Store, open_store
from workbench.api.tables import (
    Layout,
    Table,
    comparison,
    differing,
    export_text,
    format_for,
    study_table,
    write_export,
)
from workbench.errors import WorkbenchError
from workbench.spec.resolve import resolve
from workbench.spec.studies import find_study


@pytest.fixture
def store(root: Path) -> Store:
    for k, kind in enumerate(("vae", "lae", "avb", "lebm")):
        make_run(root, f"run-{kind}", kind=kind, points=2, study="starter", created=1000.0 + k)
    make_run(root, "run-other", points=2)
    return open_store(root)


@pytest.fixture
def table(store: Store) -> Table:
    return comparison(store, list_runs(store))


def test_a_study_in_the_order_of_its_submission(store: Store) -> None:
    table = study_table(store, "starter-1")
    assert [cell.text for cell in table.column("model")] == ["VAE", "LAE", "AVB", "LEBM"]
    assert {"test_mse", "knn_accuracy", "energy_distance", "training_seconds"} <= {
        c.key for c in table.columns
    }


def test_a_study_counts_the_runs_of_its_settings_whichever_command_queued_them(root: Path) -> None:
    for preset, state, seeds in (
        ("vae-digits", "finished", (0, 1, 2)),
        ("lae-digits", "finished", (1, 2, 3)),  # seed 0 is missing, 3 is not asked for
        ("avb-digits", "running", (0, 1, 2)),
    ):
        spec = resolve(preset)
        make_run(
            root,
            f"run-{spec.model.kind}",
            kind=spec.model.kind,
            state=state,
            seeds=seeds,
            spec=spec,
            points=2,
        )
    table = study_table(open_store(root), "starter", ["test_mse"])
    assert table.title == find_study("starter").title
    assert table.sources == (("run-vae",), ("run-lae",), (), ())
    assert [cell.text for cell in table.column("seeds")] == ["3", "2 of 3", "0 of 3", "0 of 3"]
    vae, lae, *others = table.column("test_mse")
    assert vae.values == (0.027, 0.127, 0.227) and lae.values == (0.027, 0.127)  # of seeds 1 and 2
    assert [cell.text for cell in others] == ["running", "not run"]
    assert any("seed 0 was not run" in note for note in table.notes)


def test_a_row_whose_settings_have_changed_since_its_run_is_stale_and_says_in_what(root: Path) -> None:
    old = resolve("vae-digits", ["training.lr=0.5"]).model_copy(update={"name": "vae-digits"})
    make_run(root, "run-old", spec=old, points=2)
    table = study_table(open_store(root), "starter", ["test_mse"])
    assert [cell.text for cell in table.column("test_mse")] == ["stale", *["not run"] * 3]
    assert any("run run-old has other settings (training.lr 0.5, now 0.001)" in note for note in table.notes)


def test_the_filter_of_a_study_leaves_out_runs_and_the_rows_without_any(root: Path) -> None:
    for preset in ("vae-digits", "lae-digits"):
        spec = resolve(preset)
        make_run(root, f"run-{preset}", kind=spec.model.kind, seeds=(0, 1, 2), spec=spec, points=2)
    store = open_store(root)
    table = study_table(store, "starter", layout=Layout(metrics=("test_mse",), filter="model:lae"))
    assert table.sources == (("run-lae-digits",),)
    with pytest.raises(WorkbenchError, match="There are no runs for the table"):
        study_table(store, "starter", layout=Layout(filter="model:dlgm"))


def test_a_misspelt_study(store: Store) -> None:
    with pytest.raises(WorkbenchError, match="Did you mean 'starter-1'") as caught:
        study_table(store, "statrer-1")
    assert caught.value.exit_code == 3


def test_settings_and_runs(store: Store) -> None:
    assert "model.kind" in [row[0].text for row in differing(store, ["run-vae", "run-lae"]).rows]
    with pytest.raises(WorkbenchError, match="Did you mean 'run-lae'"):
        differing(store, ["run-vae", "run-lea"])
    assert len(tables.runs_table(store, list_runs(store)).rows) == 5


def test_the_file_is_what_the_text_is(table: Table, tmp_path: Path) -> None:
    for form, name in (("csv", "a.csv"), ("md", "a.md"), ("latex", "a.tex"), ("json", "a.json")):
        write_export(table, form, tmp_path / name)
        assert (tmp_path / name).read_text() == export_text(table, form)
        assert format_for(tmp_path / name) == form
    assert json.loads((tmp_path / "a.json").read_text())["schema"] == 1


def test_an_existing_file_is_kept_without_overwrite(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "paper.csv"
    path.write_text("mine")
    with pytest.raises(WorkbenchError, match="exists already") as caught:
        write_export(table, "csv", path)
    assert caught.value.exit_code == 2
    assert path.read_text() == "mine"
    write_export(table, "csv", path, overwrite=True)
    assert path.read_text() == export_text(table, "csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["paper.csv", "runs"]


def test_a_link_is_followed_and_the_mode_of_a_file_is_kept(table: Table, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("old")
    (tmp_path / "elsewhere.csv").chmod(0o640)
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    write_export(table, "csv", tmp_path / "link.csv", overwrite=True)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "elsewhere.csv").read_text() == export_text(table, "csv")
    assert (tmp_path / "elsewhere.csv").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new.csv").symlink_to(tmp_path / "made.csv")
    write_export(table, "csv", tmp_path / "new.csv")
    assert (tmp_path / "made.csv").is_file()


def test_a_pipe_stays_a_pipe(table: Table, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_export(table, format_for(pipe), pipe)
    reader.join(10)
    assert read == [export_text(table, "md")] and pipe.is_fifo()


def test_the_standard_output_is_written_to_wherever_it_goes(table: Table, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    saved = os.dup(1)
    with target.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.write(1, b"before\n")
        try:
            write_export(table, "csv", Path("/dev/stdout"))
        finally:
            os.dup2(saved, 1)
            os.close(saved)
    assert target.read_text() == "before\n" + export_text(table, "csv")


def test_no_file_is_written_into_a_store(table: Table, store: Store) -> None:
    for place in (store.root / "table.csv", store.root / "run-vae" / "result.json"):
        with pytest.raises(WorkbenchError, match="it is in the store") as caught:
            write_export(table, "json", place, overwrite=True)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("no/such/a.csv", "There is no folder", 3),
        ("runs", "it is a folder", 2),
        ("a\0.csv", "Cannot write", 5),
    ],
)
def test_impossible_places(table: Table, tmp_path: Path, name: str, words: str, code: int) -> None:
    with pytest.raises(WorkbenchError, match=words) as caught:
        write_export(table, "csv", tmp_path / name)
    assert caught.value.exit_code == code


def test_a_full_disk_leaves_nothing(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkbenchError, match="no space left") as caught:
        write_export(table, "csv", tmp_path / "a.csv")
    assert caught.value.exit_code == 5
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_a_disk_without_hard_links(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    write_export(table, "csv", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == export_text(table, "csv")


def test_an_ending_without_format() -> None:
    with pytest.raises(WorkbenchError, match=r"Unknown file extension: 'table\.xlsx'"):
        format_for(Path("table.xlsx"))
