"""Tables laid out by settings: rows, columns, what would be mixed, baselines, spreads, order."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import tomli_w

from tests.results.test_compare import Bench, bench, noted, texts  # noqa: F401
from workbench.errors import WorkbenchError
from workbench.results.arrange import arranged_table
from workbench.results.export import export
from workbench.results.table import Table
from workbench.spec.layout import Layout
from workbench.store.files import write_json
from workbench.store.paths import StorePaths


def table(bench: Bench, **layout: Any) -> Table:  # noqa: F811
    layout = {"metrics": ("test_mse",), **layout}
    return arranged_table(StorePaths(bench.root), bench.rows(), Layout(**layout))


def setting(bench: Bench, key: str, value: str, *values: float, kind: str = "vae", **more: Any) -> None:  # noqa: F811
    """Make a run of three seeds with one setting changed, and a group of its own."""
    made = bench.run(kind, **(more or {"test_mse": values or (0.1, 0.2, 0.3)}))
    spec = tomllib.loads(made.spec.read_text())
    section, _, last = key.partition(".")
    spec[section][last] = tomllib.loads(f"x = {value}")["x"]
    made.spec.write_text(tomli_w.dumps(spec))
    write_json(made.origin, {**json.loads(made.origin.read_text()), "group": f"{kind}-{key}-{hash(value)}"})


def test_a_row_per_value_in_ascending_order_and_what_is_equal_in_a_note(bench: Bench) -> None:  # noqa: F811
    for latent in ("16", "2", "4"):
        setting(bench, "model.latent", latent)
    found = table(bench, rows=("model", "latent"))
    assert [column.key for column in found.columns] == ["model.latent", "test_mse"]
    assert texts(found, "model.latent") == ["2", "4", "16"]
    assert found.notes[0] == "All rows: model = VAE."


def test_a_column_per_value(bench: Bench) -> None:  # noqa: F811
    setting(bench, "training.lr", "0.1", 0.1, 0.1, 0.1)
    setting(bench, "training.lr", "0.3", 0.3, 0.3, 0.3)
    setting(bench, "training.lr", "0.1", 0.2, 0.2, 0.2, kind="lae")
    found = table(bench, rows=("model",), columns="training.lr")
    assert [column.label for column in found.columns] == ["model", "lr=0.1", "lr=0.3"]
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["VAE", "0.1000 ± 0", "0.3000 ± 0"],
        ["LAE", "0.2000 ± 0", "–"],
    ]
    assert [cell.best for cell in found.rows[0]] == [False, True, False]  # one number is not the best of any


def test_rows_are_split_by_the_settings_that_they_would_mix(bench: Bench) -> None:  # noqa: F811
    for lr in ("0.3", "0.6"):
        setting(bench, "training.lr", lr)
    setting(bench, "training.lr", "0.3", kind="lae")
    found = table(bench, rows=("model",))
    assert [column.key for column in found.columns] == ["model", "training.lr", "test_mse"]
    assert [[cell.text for cell in row[:2]] for row in found.rows] == [
        ["VAE", "0.3"],
        ["VAE", "0.6"],
        ["LAE", "0.3"],
    ]


def test_no_label_is_cut_before_what_differs(bench: Bench) -> None:  # noqa: F811
    """Case 4: six runs that differ in the rate, beside one that differs in everything."""
    wide = "[" + ", ".join(["128"] * 60) + "]"
    for lr in ("0.3", "0.6"):
        setting(bench, "training.lr", lr)
    for value in (wide, wide.replace("]", ", 64]")):
        setting(bench, "model.encoder", value)
    found = table(bench, rows=("model",))
    for form in ("csv", "md", "latex", "json"):
        lines = export(found, form)
        assert "0.3" in lines and "0.6" in lines and lines.count(", 64") == 1
    assert len({tuple(cell.text for cell in row[:-1]) for row in found.rows}) == 4


def test_differences_from_a_baseline_are_paired_by_seed_and_corrected(bench: Bench) -> None:  # noqa: F811
    bench.run("vae", test_mse=(1.0, 2.0, 3.0))
    bench.run("lae", test_mse=(1.5, 2.6, 3.4))
    bench.run("avb", test_mse=(1.1, 2.1), seeds=(7, 8))
    found = table(bench, rows=("model",), baseline="vae")
    assert [column.label for column in found.columns][2] == "Δ reconstruction MSE"
    own, lae, avb = found.column("test_mse_difference")
    assert own.text == "–"
    assert lae.mean == pytest.approx(0.5) and lae.se == pytest.approx(0.1 / 3**0.5) and lae.n == 3
    # Student's t with 2 degrees of freedom: t = 5 √3, p = 0.013072; two rows are compared
    assert lae.p == pytest.approx(2 * 0.013072, rel=1e-3) and "p=0.026" in lae.text
    assert avb.se == pytest.approx((1 / 3 + 0.5 / 2) ** 0.5) and avb.mean == pytest.approx(-0.4)
    assert noted(found, "difference from VAE")


def test_rows_that_do_not_compare_have_no_difference(bench: Bench) -> None:  # noqa: F811
    bench.run("vae", test_nelbo=(1.0, 2.0, 3.0))
    setting(bench, "model.likelihood", '"gaussian"', kind="vae", test_nelbo=(4.0, 5.0, 6.0))
    found = table(bench, rows=("likelihood",), metrics=("test_nelbo",), baseline="bernoulli")
    assert texts(found, "test_nelbo_difference") == ["–", "–"]


def test_spreads_and_digits(bench: Bench) -> None:  # noqa: F811
    bench.run("vae", test_mse=(1.0, 2.0, 6.0))
    assert texts(table(bench), "test_mse") == ["3.0 ± 2.6"]
    assert texts(table(bench, digits=3), "test_mse") == ["3.000 ± 2.646"]
    assert texts(table(bench, spread="range", digits=1), "test_mse") == ["2.0 [1.0, 6.0]"]
    # t(0.975; 2) = 4.30265, times 2.64575 / √3
    assert texts(table(bench, spread="interval", digits=2), "test_mse") == ["3.00 [-3.57, 9.57]"]
    assert noted(table(bench, spread="range"), "Median over n seeds")


def test_order_names_and_states(bench: Bench) -> None:  # noqa: F811
    bench.run("vae", test_mse=(0.3, 0.3, 0.3))
    bench.run("lae", test_mse=(0.1, 0.1, 0.1))
    bench.run("avb", state="running")
    found = table(bench, rows=("model",), sort="test_mse", names={"lae": "ours", "test_mse": "error"})
    assert texts(found, "model") == ["ours", "VAE", "AVB"]
    assert texts(found, "test_mse")[2] == "running" and found.columns[1].label == "error"
    assert texts(table(bench, rows=("model",), sort="-model"), "model") == ["VAE", "LAE", "AVB"]


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        ({"rows": ("latnt",)}, "No run has the setting 'latnt'. Did you mean 'model.latent'?"),
        ({"columns": "model.nothing"}, "No run has the setting 'model.nothing'"),
        (
            {"sort": "tset_mse"},
            "Cannot sort by 'tset_mse': the table has no such column. Did you mean 'test_mse'?",
        ),
        ({"rows": ("model",), "baseline": "gan"}, "No row is the baseline 'gan'"),
        ({"baseline": "vae"}, "The baseline 'vae' is 2 rows."),
        ({"spread": "sd"}, "Invalid value 'sd' for spread. Did you mean 'std'?"),
        ({"digits": 40}, "must be from 0 to 9"),
    ],
)
def test_what_is_refused(bench: Bench, layout: dict[str, Any], sentence: str) -> None:  # noqa: F811
    setting(bench, "training.lr", "0.1")
    setting(bench, "training.lr", "0.2")
    with pytest.raises(WorkbenchError) as caught:
        table(bench, **layout)
    assert sentence in str(caught.value)
