"""Stores of earlier layouts load for ever: one of each is kept in tests/golden and never edited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workbench.api.live import LiveRun
from workbench.api.plots import plot_text
from workbench.api.runs import list_runs, spec_of
from workbench.api.stores import Store, open_store
from workbench.api.tables import comparison

RUN = "20261121-043537-vae-digits-fuze"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A copy, since opening a store builds its index."""
    shutil.copytree(Path(__file__).parents[1] / "golden" / "store-1" / "runs", tmp_path / "runs")
    return open_store(tmp_path / "runs", create=False)


def test_the_run_is_listed_with_its_result_and_notes(store: Store) -> None:
    (row,) = list_runs(store)
    assert (row.id, row.state, row.seeds, row.kind, row.data) == (RUN, "finished", (0, 1, 2), "vae", "digits")
    assert row.tags == ("golden",)
    assert row.summary["test_nelbo"] == (29.4824136045244, 29.70957219865587, 29.341951280170015)


def test_its_settings_are_understood_and_its_group_is_what_it_was(store: Store) -> None:
    spec = spec_of(store, RUN)
    assert spec.training.iterations == 60
    assert spec.seeds == [0, 1, 2]
    (row,) = list_runs(store)
    assert row.group == "126cbdb5828c"


def test_its_table(store: Store) -> None:
    table = comparison(store, list_runs(store))
    assert [cell.text for cell in table.rows[0]] == [
        "VAE",
        "vae-digits",
        "0.0954 ± 0.0048",
        "0.856 ± 0.026",
        "1.046 ± 0.011",
        "-0.0001 ± 0.0024",
        "0.5010 (n=1)",
        "29.51 ± 0.19",
        "29.19 ± 0.12",
        "3",
    ]


def test_its_curves_samples_and_latents(store: Store) -> None:
    live = LiveRun(store, RUN)
    assert live.poll()
    assert ("loss", "train") in live.names()
    assert live.series("loss").seeds == 3
    assert live.bad_lines == 0
    samples, latents = live.samples(), live.latents()
    assert samples is not None
    assert latents is not None
    assert latents.z.shape == (3, 40, 8)
    assert "vae-digits" in plot_text(store, RUN, "loss")
