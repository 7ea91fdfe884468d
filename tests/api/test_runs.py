"""Find, read, remove with undo, annotate."""

import os
from pathlib import Path

import pytest

from tests.stores import RUN, make_run
from workbench.api import runs as runs_module
from workbench.api.runs import (
    annotate,
    find_run,
    list_runs,
    remove_runs,
    restore_runs,
    spec_of,
    spec_text,
    study_runs,
)
from workbench.errors import WorkbenchError
from workbench.store.run_row import RunRow
from workbench.store.state import RunState, write_state
from workbench.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "runs")
    make_run(store.root, created=1.0)
    make_run(store.root, "20261121-142531-lae-digits-aaaa", kind="lae", state="running", created=2.0)
    make_run(store.root, "20261122-090000-avb-digits-bbbb", kind="avb", study="starter", created=3.0)
    return store


def test_lists_are_newest_first_and_filtered(store: Store) -> None:
    assert [row.kind for row in list_runs(store)] == ["avb", "lae", "vae"]
    assert [row.kind for row in list_runs(store, states=["running"])] == ["lae"]
    assert [row.kind for row in list_runs(store, study_id="starter-1")] == ["avb"]


@pytest.mark.parametrize("text", [RUN, "20261121-142530", "k3f9", "vae-digits-k3f9"])
def test_a_run_is_found_by_id_beginning_or_end(store: Store, text: str) -> None:
    assert find_run(store, text).kind == "vae"


def test_several_fitting_runs_are_named(store: Store) -> None:
    with pytest.raises(WorkbenchError, match="matches 2 runs") as caught:
        find_run(store, "20261121")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "hint"), [("k3f8", "k3f9"), ("20261121-142530-vae-digit-k3f9", "k3f9"), ("", "runs ls")]
)
def test_a_misspelt_run_gets_a_suggestion(store: Store, text: str, hint: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        find_run(store, text)
    assert caught.value.exit_code == 3
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text", ["../x", "..", "/etc/passwd", "\x1b]52;c;x\x07", "a\0b", "[/red]", "名前", "x" * 5000]
)
def test_hostile_ids_are_refused_in_short(store: Store, text: str) -> None:
    for use in (find_run, spec_text, lambda store, text: annotate(store, text, note="x")):
        with pytest.raises(WorkbenchError, match=r"no run|not a run id") as caught:
            use(store, text)
        assert len(str(caught.value)) < 700


def test_specs_come_back_checked(store: Store) -> None:
    run_id = find_run(store, "k3f9").id
    assert spec_of(store, run_id).seeds == [0, 1, 2]
    assert 'kind = "vae"' in spec_text(store, run_id)
    store.run(run_id).spec.write_text("[model]\nkind = 'vae'\nlatentt = 3")
    with pytest.raises(WorkbenchError, match="damaged"):
        spec_of(store, run_id)


def test_removed_runs_come_back(store: Store) -> None:
    names = [row.id for row in list_runs(store)]
    token = remove_runs(store, [names[0], names[2]])
    assert [row.id for row in list_runs(store)] == [names[1]]
    assert sorted(restore_runs(store, token)) == sorted([names[0], names[2]])
    assert [row.id for row in list_runs(store)] == names
    with pytest.raises(WorkbenchError, match="nothing to restore"):
        restore_runs(store, token)


def test_a_run_that_is_not_over_is_not_removed_nor_are_the_others(store: Store) -> None:
    names = [row.id for row in list_runs(store)]
    with pytest.raises(WorkbenchError, match="is running"):
        remove_runs(store, names)
    assert [row.id for row in list_runs(store)] == names


@pytest.mark.parametrize("token", ["../..", "", "0", "x"])
def test_only_tokens_restore(store: Store, token: str) -> None:
    with pytest.raises(WorkbenchError, match="nothing to restore"):
        restore_runs(store, token)


def test_the_trash_is_emptied_after_a_week(store: Store) -> None:
    (store.paths.trash / "00000000000000000009" / "x").mkdir(parents=True)
    token = remove_runs(store, [find_run(store, "k3f9").id])
    assert [path.name for path in store.paths.trash.iterdir()] == [token]


def test_notes_and_tags_are_set_apart(store: Store) -> None:
    run_id = find_run(store, "k3f9").id
    annotate(store, run_id, note="a [bold]note")
    annotate(store, run_id, tags=["good", " good ", "", "paper"])
    row = find_run(store, run_id)
    assert (row.note, row.tags) == ("a [bold]note", ("good", "paper"))


def test_a_store_that_can_only_be_read_changes_nothing(store: Store) -> None:
    reader = Store(store.root, "--store", read_only=True)
    run_id = find_run(reader, "k3f9").id
    for change in (
        lambda: annotate(reader, run_id, note="x"),
        lambda: remove_runs(reader, [run_id]),
        lambda: restore_runs(reader, "1"),
    ):
        with pytest.raises(WorkbenchError, match="read-only") as caught:
            change()
        assert caught.value.exit_code == 5
    assert os.listdir(store.run(run_id).root) and not store.run(run_id).notes.exists()  # noqa: PTH208


def test_a_removal_that_breaks_off_half_way_is_undone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [RUN, "20261122-090000-avb-digits-bbbb"]
    real = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name == ids[1]:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(WorkbenchError, match=r"Permission denied\. No run was"):
        remove_runs(store, ids)
    assert {row.id for row in list_runs(store)} >= set(ids)
    assert list(store.paths.trash.iterdir()) == []


def test_a_run_that_was_started_a_moment_ago_is_not_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = (row for row in list_runs(store) if row.id.endswith("bbbb"))
    paths = store.run(run.id)
    paths.result.unlink()
    write_state(paths, RunState("failed", 1))
    real = runs_module.find_run

    def then_started(store: Store, text: str) -> RunRow:
        row = real(store, text)
        write_state(paths, RunState("starting", 2))  # a scheduler, right after the look
        return row

    monkeypatch.setattr(runs_module, "find_run", then_started)
    with pytest.raises(WorkbenchError, match="has just been started"):
        remove_runs(store, [run.id])
    assert paths.state.exists() and list(store.paths.trash.iterdir()) == []


def test_restoring_over_a_run_of_the_same_name_says_so(store: Store) -> None:
    token = remove_runs(store, [RUN])
    make_run(store.root, RUN)
    with pytest.raises(WorkbenchError, match="Not restored"):
        restore_runs(store, token)


def test_a_note_or_tag_that_is_too_long_is_refused_not_cut(store: Store) -> None:
    annotate(store, RUN, note="kept", tags=["kept"])
    for change in ({"note": "x" * 10_001}, {"tags": ["ok", "y" * 61]}):
        with pytest.raises(WorkbenchError, match="Cannot save"):
            annotate(store, RUN, **change)  # type: ignore[arg-type]
    row = find_run(store, RUN)
    assert (row.note, row.tags) == ("kept", ("kept",))


def test_the_runs_of_a_study_are_found_by_its_name_and_by_its_id(store: Store) -> None:
    assert [row.id[-4:] for row in study_runs(store, "starter")] == ["bbbb"]
    assert study_runs(store, "starter-1") == study_runs(store, "starter")
    with pytest.raises(WorkbenchError, match="Did you mean 'starter'"):
        study_runs(store, "startr")
    with pytest.raises(WorkbenchError, match="Studies here: starter, starter-1"):
        study_runs(store, "")
