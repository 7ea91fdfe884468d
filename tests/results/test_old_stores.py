"""Stores of earlier layouts always load: one of each is kept in tests/golden and never edited."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.api.live import LiveRun
from workbench.api.plots import plot_text
from workbench.api.runs import list_runs, spec_of
from workbench.api.stores import Store, open_store
from workbench.api.tables import comparison
from workbench.cli.main import main

GOLDEN = Path(__file__).parents[1] / "golden"
RUN = "20261121-043537-vae-digits-fuze"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A copy, since opening a store builds its index."""
    shutil.copytree(GOLDEN / "store-1" / "runs", tmp_path / "runs")
    return open_store(tmp_path / "runs", create=False)


def test_the_run_is_listed_with_its_result_notes_settings_and_group(store: Store) -> None:
    (row,) = list_runs(store)
    assert (row.id, row.state, row.seeds, row.kind, row.data) == (RUN, "finished", (0, 1, 2), "vae", "digits")
    assert (row.tags, row.group) == (("golden",), "126cbdb5828c")
    spec = spec_of(store, RUN)
    assert (spec.training.iterations, spec.seeds) == (60, [0, 1, 2])
    assert row.summary["test_nelbo"] == (29.4824136045244, 29.70957219865587, 29.341951280170015)


def test_its_table(store: Store) -> None:
    table = comparison(store, list_runs(store))
    assert " | ".join(cell.text for cell in table.rows[0]) == (
        "VAE | vae-digits | 0.0954 ± 0.0048 | 0.856 ± 0.026 | 1.046 ± 0.011 | -0.0001 ± 0.0024 | "
        "0.5010 (n=1) | 29.51 ± 0.19 | 29.19 ± 0.12 | 3"
    )


def test_its_curves_samples_and_latents(store: Store) -> None:
    live = LiveRun(store, RUN)
    assert live.poll()
    assert ("loss", "train") in live.names()
    assert (live.series("loss").seeds, live.bad_lines) == (3, 0)
    assert live.samples() is not None
    assert live.latents().z.shape == (3, 40, 8)
    assert "vae-digits" in plot_text(store, RUN, "loss")


# ---- a run in every state, written by 0.1.0; its scheduler was killed while the diverged run trained

FINISHED = "20261125-113428-vae-digits-tq3u"
STATES = {
    "20261125-113442-ddpm-moons-pfjm": "queued",
    "20261125-113441-vae-digits-g4wx": "failed",  # diverged; its state.json has stayed at running
    "20261125-113437-lae-digits-zdgh": "cancelled",
    "20261125-113433-vae-digits-rmdu": "paused",
    FINISHED: "finished",
    "20261125-113420-avb-digits-djjs": "failed",  # crashed twice
}

Command = Callable[..., str]


@pytest.fixture
def second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return what a command prints about a copy of the second store."""
    shutil.copytree(GOLDEN / "store-2" / "runs", tmp_path / "runs")

    def call(*words: str) -> str:
        assert main(["--store", str(tmp_path / "runs"), *words]) == 0
        return capsys.readouterr().out

    return call


def test_every_state_is_listed(second: Command) -> None:
    rows = {row["id"]: row for row in json.loads(second("runs", "ls", "--json"))}
    assert {name: row["state"] for name, row in rows.items()} == STATES
    assert [row["failure"] for row in rows.values()] == ["", "diverged", "", "", "", "crash"]
    assert {name for name in STATES if rows[name]["summary"]} == {FINISHED}
    assert rows[FINISHED]["group"] == "2c4970570bd0"
    assert rows[FINISHED]["summary"]["test_iwae"] == [43.08138561603387, 41.70902846801173, 43.28717518739231]
    assert (rows[FINISHED]["note"], rows[FINISHED]["tags"]) == ("written by 0.1.0", ["golden"])


def test_the_queue_has_those_that_wait(second: Command) -> None:
    waiting = {row["id"]: row["state"] for row in json.loads(second("queue", "ls", "--json"))}
    assert waiting == {name: state for name, state in STATES.items() if state in ("queued", "paused")}


def test_every_run_can_be_shown(second: Command) -> None:
    for name, state in STATES.items():
        found = json.loads(second("runs", "show", name, "--json"))
        assert (found["id"], found["state"], found["spec"]["model"]["kind"]) == (name, state, found["kind"])
        text = second("runs", "show", name)
        assert name in text and state in text and f'kind = "{found["kind"]}"' in text
    found = json.loads(second("runs", "show", FINISHED, "--json"))
    assert found["results"]["test_mse"]["n"] == 60
    (estimate,) = found["evaluations"]
    values = [-43.09233857567861, -41.67356235630869, -43.48485159302961]
    assert estimate["metrics"]["iwae"]["values"] == values


def test_the_finished_run_can_be_exported(second: Command) -> None:
    (line,) = csv.DictReader(io.StringIO(second("export", FINISHED, "--format", "csv")))
    assert (line["model"], line["name"], line["seeds"]) == ("VAE", "vae-digits", "3")
    found = [line[f"test_nelbo_{part}"] for part in ("mean", "std", "n")]
    assert found == ["42.761752990695605", "0.8957983040926678", "3"]
    (row,) = json.loads(second("export", FINISHED, "--format", "json"))["rows"]
    assert row["test_nelbo"]["text"] == "42.76 ± 0.90"
    for form, text in (("md", "42.76 ± 0.90"), ("latex", r"42.76 $\pm$ 0.90")):
        assert text in second("export", "all", "--format", form)
