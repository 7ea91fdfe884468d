"""The long formats: every value of every run and seed, the same in each, and nothing to execute."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.results.test_export import HOSTILE
from tests.stores import append_row, make_run, make_store, record_evaluation
from workbench.errors import WorkbenchError
from workbench.results import export
from workbench.results.long import Long, check_long, long_curves, long_results, write_long
from workbench.store.files import read_json, write_json
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow
from workbench.store.runs import read_row

FORMS = ("csv", "tsv", "json", "parquet")


@pytest.fixture
def store(tmp_path: Path) -> StorePaths:
    root = make_store(tmp_path / "runs")
    make_run(root, "run-a", points=2)
    make_run(root, "run-b", points=2, seeds=(7,))
    make_run(root, "run-c", points=2, state="running")
    return StorePaths(root)


def rows(store: StorePaths) -> list[RunRow]:
    return [row for name in ("run-a", "run-b", "run-c") if (row := read_row(store.run(name)))]


def written(long: Long, form: str) -> list[dict[str, Any]]:
    """Write a long table and read it with the format's own reader; numbers as numbers, absent ones None."""
    file = io.BytesIO()
    write_long(long, form, file)
    assert not file.closed
    if form == "parquet":
        found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(file.getvalue())).to_pylist()
        return found
    text = file.getvalue().decode()
    if form == "json":
        document = json.loads(text)
        assert document["schema"] == 1 and document["columns"] == list(long.columns)
        return list(document["rows"])
    lines = csv.DictReader(io.StringIO(text), delimiter="," if form == "csv" else "\t")
    return [
        {
            key: value.removeprefix("'") if kind is str else kind(value) if value else None
            for (key, kind), value in zip(long.columns.items(), line.values(), strict=True)
        }
        for line in lines
    ]


def test_there_is_a_line_for_each_run_seed_and_metric(store: StorePaths) -> None:
    record_evaluation(store.run("run-a"))
    found = {form: written(long_results(store, rows(store)), form) for form in FORMS}
    assert found["csv"] == found["tsv"] == found["json"] == found["parquet"]
    lines = {(line["run"], line["seed"], line["metric"]): line for line in found["csv"]}
    assert len(lines) == len(found["csv"]) == 4 * (3 + 1) + 3
    assert lines["run-a", 1, "ais"]["value"] == -91.0 and lines["run-a", 1, "ais"]["n"] == 500
    one = lines["run-b", 7, "test_mse"]
    assert (one["value"], one["se"], one["n"], one["model"]) == (0.027, 0.2, 360, "VAE")
    chosen = written(long_results(store, rows(store), ["ais"]), "json")
    assert [line["metric"] for line in chosen] == ["ais"] * 3


def test_a_seed_that_diverged_has_no_value(store: StorePaths) -> None:
    path = store.run("run-a").result
    body = read_json(path)
    assert isinstance(body, dict)
    write_json(path, body | {"diverged": {"1": 30}})
    for form in FORMS:
        lines = [line for line in written(long_results(store, rows(store)), form) if line["run"] == "run-a"]
        assert {line["value"] is None for line in lines if line["seed"] == 1} == {True}
        assert {line["health"] for line in lines if line["seed"] == 1} == {"diverged"}
        assert all(line["value"] is not None for line in lines if line["seed"] != 1)


def test_every_point_of_a_curve_is_there_once_for_each_seed(store: StorePaths) -> None:
    paths = store.run("run-a")
    paths.metrics.write_text("")
    append_row(paths, 1, loss=[1.5, None, 3.5])
    append_row(paths, 2, "test", loss=[1, 2, 3], mse=[4, 5, 6])
    append_row(paths, 3, loss=[1.0, 2.0])  # of another number of seeds
    with paths.metrics.open("a") as file:
        file.write("damaged\n")
    own = [row for row in rows(store) if row.id == "run-a"]
    found = {form: written(long_curves(store, own), form) for form in FORMS}
    assert found["csv"] == found["tsv"] == found["json"] == found["parquet"]
    short = [
        tuple(line[key] for key in ("step", "split", "metric", "seed", "value")) for line in found["csv"]
    ]
    assert short[:3] == [
        (1, "train", "loss", 0, 1.5),
        (1, "train", "loss", 1, None),
        (1, "train", "loss", 2, 3.5),
    ]
    assert short[3:6] == [(2, "test", "loss", seed, seed + 1.0) for seed in range(3)]
    assert short[6:] == [(2, "test", "mse", seed, seed + 4.0) for seed in range(3)]
    assert (found["csv"][0]["epoch"], found["csv"][0]["seconds"]) == (0.1, 0.2)
    assert len(written(long_curves(store, own, ["mse"]), "csv")) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_leave_their_cell_as_text(store: StorePaths, form: str, text: str) -> None:
    own = [replace(row, name=text, data=text) for row in rows(store)[:1]]
    file = io.BytesIO()
    write_long(long_results(store, own, ["test_mse"]), form, file)
    if form != "parquet":
        body = file.getvalue().decode()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\ufeff\ud800-\udfff]", body)
        assert body.count("\n") == (1 + 3 if form != "json" else 1 + 3 + 1)
    if form == "csv":
        for line in csv.reader(io.StringIO(body)):
            assert not any(cell.lstrip().startswith(("=", "+", "@", "-")) for cell in (line[1], line[3]))
    assert len(written(long_results(store, own, ["test_mse"]), form)) == 3


def test_without_pyarrow_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match=r"pip install 'workbench\[parquet\]'"):
        check_long("parquet")
    with pytest.raises(WorkbenchError, match="There is no long format 'md'"):
        check_long("md")
