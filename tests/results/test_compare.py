"""The comparison table of made-up runs: pooling, gaps, ranking, and what the notes admit."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores import make_run, make_store
from workbench.errors import WorkbenchError
from workbench.results.compare import comparison_table
from workbench.results.export import export
from workbench.results.table import Table
from workbench.spec.reference_values import read_published
from workbench.store.files import write_json
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.run_row import RunRow
from workbench.store.runs import read_row
from workbench.toml import parse_toml


class Bench:
    """A store in which each run's result can be written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = make_store(root)
        self.made: list[RunPaths] = []

    def run(self, kind: str = "vae", *, seeds: tuple[int, ...] = (0, 1, 2), **values: Any) -> RunPaths:
        state = values.pop("state", "finished")
        number = len(self.made)
        made = {"kind": kind, "seeds": seeds, "state": state, "points": 2, "created": 1000.0 + number}
        self.made.append(paths := make_run(self.root, f"run-{number}", **made))
        if state == "finished":
            more = {"se": [0.01] * len(seeds), "n": 360}
            edit(paths, metrics={name: {"values": list(given), **more} for name, given in values.items()})
        return paths

    def rows(self) -> list[RunRow]:
        return [read_row(paths) for paths in self.made]

    def table(self, metrics: list[str] | None = None) -> Table:
        return comparison_table(StorePaths(self.root), self.rows(), metrics)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "runs")


def edit(paths: RunPaths, **changes: Any) -> None:
    write_json(paths.result, {**json.loads(paths.result.read_text()), **changes})


def set_spec(paths: RunPaths, old: str, new: str, group: str) -> None:
    """Change a setting and the group hash that goes with it."""
    text = paths.spec.read_text()
    assert old in text
    paths.spec.write_text(text.replace(old, new))
    write_json(paths.origin, {**json.loads(paths.origin.read_text()), "group": group})


def texts(table: Table, key: str) -> list[str]:
    return [cell.text for cell in table.column(key)]


def noted(table: Table, words: str) -> bool:
    return any(words in note for note in table.notes)


def test_a_row_per_group_with_units_spread_and_seeds(bench: Bench) -> None:
    bench.run("vae", test_mse=(0.027, 0.0274, 0.0266), knn_accuracy=(0.93, 0.94, 0.95))
    bench.run("lae", test_mse=(0.017, 0.0172, 0.0174), knn_accuracy=(0.90, 0.90, 0.90))
    table = bench.table()
    assert table.title == "Comparison on digits"
    assert texts(table, "model") == ["VAE", "LAE"]
    assert texts(table, "test_mse") == ["0.02700 ± 0.00040", "0.01720 ± 0.00020"]
    assert [cell.best for cell in table.column("test_mse")] == [False, True]
    assert [cell.best for cell in table.column("knn_accuracy")] == [True, False]
    assert texts(table, "seeds") == ["3", "3"]
    assert table.columns[2].heading == "reconstruction MSE (data units² per dimension)"
    assert table.sources == (("run-0",), ("run-1",))


def test_seeds_of_several_runs_are_pooled(bench: Bench) -> None:
    for seed, value in enumerate((0.1, 0.2, 0.3)):
        bench.run(seeds=(seed,), test_mse=(value,), training_seconds=(4.0 + seed,))
    table = bench.table()
    (cell,) = table.column("test_mse")
    assert (cell.values, cell.n, cell.text) == ((0.1, 0.2, 0.3), 3, "0.20 ± 0.10")
    assert texts(table, "training_seconds") == ["5.0 ± 1.0"]
    assert table.sources == (("run-2", "run-1", "run-0"),)


def test_the_same_seed_twice_is_one_sample_and_the_newest_counts(bench: Bench) -> None:
    bench.run(seeds=(0, 1), test_mse=(0.5, 0.6))
    bench.run(seeds=(1, 2), test_mse=(0.1, 0.2))
    (cell,) = bench.table().column("test_mse")
    assert cell.values == (0.5, 0.1, 0.2)
    assert noted(bench.table(), "seed 1 ran more than once; only its newest result counts")


def test_seeds_trained_together_share_one_training_time(bench: Bench) -> None:
    bench.run(seeds=(0, 1, 2), training_seconds=(8.0, 8.0, 8.0))
    table = bench.table()
    assert texts(table, "training_seconds") == ["8.000 (n=1)"]
    assert noted(table, "its n counts runs (each row: 1 run of 3 seeds)")


def test_times_are_ranked_only_between_like_runs(bench: Bench) -> None:
    bench.run("vae", training_seconds=(8.0,) * 3)
    bench.run("lae", training_seconds=(9.0,) * 3)
    assert [cell.best for cell in bench.table().column("training_seconds")] == [True, False]
    edit(bench.made[0], device="cuda:0")
    table = bench.table()
    assert not any(cell.best for cell in table.column("training_seconds"))
    assert noted(table, "training time: rows are ranked only among those with the same device")


def test_a_diverged_seed_is_counted_and_noted_even_if_its_value_looks_sound(bench: Bench) -> None:
    paths = bench.run(test_mse=(0.2, 7.0, 0.4), training_seconds=(8.0,) * 3)
    edit(paths, diverged={"1": 340})
    table = bench.table()
    (cell,) = table.column("test_mse")
    assert (cell.values, cell.missing, cell.text) == ((0.2, None, 0.4), 1, "0.30 ± 0.14 †")
    assert texts(table, "seeds") == ["2 of 3 (1 diverged)"]
    assert noted(table, "1 of 3 seeds diverged (seed 1 at step 340); the means are over the other seeds")


def test_when_every_seed_diverged_the_row_stays_with_dashes(bench: Bench) -> None:
    paths = bench.run(test_mse=(None, None, None))
    edit(paths, outcome="diverged", diverged={"0": 3, "1": 4, "2": 5})
    table = bench.table()
    assert texts(table, "test_mse") == ["–"]
    assert texts(table, "seeds") == ["0 of 3 (3 diverged)"]
    assert noted(table, "nothing is left to average")


def test_a_value_that_is_not_finite_is_left_out_and_noted(bench: Bench) -> None:
    bench.run(test_mse=(0.2, None, 0.4), knn_accuracy=(0.9, 0.9, 0.9))
    table = bench.table()
    assert texts(table, "test_mse") == ["0.30 ± 0.14 (n=2)"]
    assert noted(table, "not finite are left out of reconstruction MSE (1)")


def test_one_seed_shows_the_error_over_examples_and_says_so(bench: Bench) -> None:
    bench.run(seeds=(0,), test_mse=(0.2,))
    table = bench.table()
    assert texts(table, "test_mse") == ["0.200 (SE 0.010)"]
    assert noted(table, "SE: standard error over test examples")


def test_unfinished_and_failed_runs_are_named(bench: Bench) -> None:
    bench.run(seeds=(0,), test_mse=(0.2,))
    bench.run(seeds=(1,), state="running")
    bench.run("lae", state="failed")
    table = bench.table()
    assert texts(table, "seeds") == ["1 of 2", "0 of 3"]
    assert noted(table, "run run-1 is running at step 910 of 1820; it is not in the numbers")
    assert noted(table, "run run-2 failed")


def test_a_damaged_result_is_named_and_breaks_nothing(bench: Bench) -> None:
    paths = bench.run(test_mse=(0.2, 0.2, 0.2))
    row = bench.rows()
    paths.result.write_text('{"outcome": "finished", "seeds": [0, 1')
    table = comparison_table(StorePaths(bench.root), row)
    assert noted(table, "its result file is missing or damaged")
    for bad in ({"values": 3}, {"values": ["x", True], "se": "?", "n": None}):
        result = {"outcome": "finished", "seeds": [0, 1], "diverged": [], "metrics": {"test_mse": bad}}
        write_json(paths.result, result)
        assert texts(comparison_table(StorePaths(bench.root), row), "test_mse") == ["–"]


@pytest.mark.parametrize("kind", ["lebm", "image-lebm"])  # a capability of the family, not a name
def test_bounds_appear_where_given_and_the_dash_says_why(bench: Bench, kind: str) -> None:
    bench.run("vae", test_mse=(0.1,) * 3, test_nelbo=(24.0, 24.1, 24.2), test_iwae=(23.0, 23.1, 23.2))
    bench.run("avb", test_mse=(0.1,) * 3, test_iwae=(25.0, 25.1, 25.2))
    bench.run(kind, test_mse=(0.1,) * 3)
    table = bench.table()
    assert texts(table, "test_nelbo") == ["24.10 ± 0.10", "–", "–"]
    assert [cell.best for cell in table.column("test_iwae")] == [True, False, False]
    assert noted(table, "AVB has no test NELBO: its posterior is implicit")
    name = texts(table, "model")[2]
    assert noted(table, f"{name} has no test NELBO or test IWAE: its prior is known only up to a constant")
    assert name == "LEBM" or kind != "lebm"
    assert noted(table, "with k = 64 draws.")
    assert "log_px" not in [column.key for column in table.columns]


def test_bounds_of_different_k_are_distinguished_and_not_ranked(bench: Bench) -> None:
    bench.run("vae", test_iwae=(23.0, 23.1, 23.2))
    other = bench.run("avb", test_iwae=(22.0, 22.1, 22.2))
    set_spec(other, "importance_samples = 64", "importance_samples = 100", "x")
    table = bench.table()
    assert not any(cell.best for cell in table.column("test_iwae"))
    assert noted(table, "with k = 64 draws (VAE), k = 100 draws (AVB).")
    assert noted(table, "likelihood and number of draws k")


def test_bounds_under_different_likelihoods_are_not_ranked(bench: Bench) -> None:
    bench.run("vae", test_nelbo=(24.0, 24.1, 24.2))
    bench.run("lae", test_nelbo=(-3.0, -3.1, -3.2))  # a discretised logistic: another measure
    table = bench.table()
    assert not any(cell.best for cell in table.column("test_nelbo"))
    assert noted(table, "ranked only among those with the same data treatment and likelihood")


def test_rows_on_other_data_are_not_ranked_and_get_a_column(bench: Bench) -> None:
    bench.run("vae", test_mse=(0.1, 0.2, 0.3))
    paths = bench.run("vae", test_mse=(0.01, 0.02, 0.03))
    set_spec(paths, 'name = "digits"', 'name = "mnist"', "other")
    table = bench.table()
    assert texts(table, "data") == ["digits", "mnist"]
    assert table.title == "Comparison"
    assert not any(cell.best for cell in table.column("test_mse"))


def test_the_null_has_the_spread_of_its_draws_and_no_rank(bench: Bench) -> None:
    for kind in ("vae", "lae"):
        paths = bench.run(kind, energy_distance=(0.02, 0.03, 0.04))
        metrics = json.loads(paths.result.read_text())["metrics"]
        metrics["energy_distance_null"] = {"values": [0.0001] * 3, "se": [0.0016] * 3, "n": 200}
        edit(paths, metrics=metrics)
    table = bench.table()
    cell, _ = table.column("energy_distance_null")
    assert (cell.text, cell.n, cell.best) == ("0.0001 ± 0.0016", 200, False)
    keys = [column.key for column in table.columns]
    assert keys.index("energy_distance_null") == keys.index("energy_distance") + 1
    assert noted(table, "standard deviation over 200 random splits")


def test_groups_of_one_name_are_distinguished_by_their_settings(bench: Bench) -> None:
    bench.run("vae", test_mse=(0.1,) * 3)
    set_spec(bench.run("vae", test_mse=(0.2,) * 3), "latent = 8", "latent = 2", "other")
    assert texts(bench.table(), "name") == ["vae-digits [model.latent=8]", "vae-digits [model.latent=2]"]


def test_means_that_seeds_cannot_distinguish_are_marked(bench: Bench) -> None:
    bench.run("vae", test_mse=(0.10, 0.11, 0.12))
    bench.run("avb", test_mse=(0.105, 0.115, 0.125))
    bench.run("lebm", test_mse=(0.90, 0.91, 0.92))
    table = bench.table()
    assert [cell.alike for cell in table.column("test_mse")] == [False, True, False]
    assert noted(table, "Welch's t-test over seeds")


def test_a_table_of_classifiers_has_their_columns_and_no_others(bench: Bench) -> None:
    accuracy, nll = (0.97, 0.96, 0.98), (0.1, 0.2, 0.1)
    bench.run("classifier", test_accuracy=accuracy, test_nll=nll, training_seconds=(5,) * 3)
    keys = [column.key for column in bench.table().columns]
    assert keys == ["model", "name", "training_seconds", "test_accuracy", "test_nll", "seeds"]


def test_beside_another_family_a_classifier_says_what_it_cannot_have(bench: Bench) -> None:
    bench.run("classifier", test_accuracy=(0.97, 0.96, 0.98))
    bench.run("vae", test_mse=(0.02, 0.02, 0.02), knn_accuracy=(0.9, 0.9, 0.9))
    table = bench.table()
    assert texts(table, "knn_accuracy")[0] == "–"
    assert noted(table, "Classifier has no reconstruction MSE or k-NN accuracy: it has no latents.")
    assert noted(table, "it draws no samples")
    assert not noted(table, "the data have no labels")


def test_attacks_of_different_strength_are_not_ranked(bench: Bench) -> None:
    bench.run("classifier", pgd_accuracy_eps010=(0.5, 0.6, 0.5), test_accuracy=(0.9, 0.91, 0.9))
    stronger = bench.run("classifier", pgd_accuracy_eps010=(0.1, 0.1, 0.2), test_accuracy=(0.9, 0.92, 0.9))
    set_spec(stronger, "pgd_steps = 40", "pgd_steps = 100", "another")
    table = bench.table(["pgd_accuracy_eps010", "test_accuracy"])
    assert not any(cell.best for cell in table.column("pgd_accuracy_eps010"))
    assert noted(table, "the same data treatment, attack and number of attacked pictures")


def test_chosen_metrics_a_misspelt_one_and_no_runs(bench: Bench) -> None:
    assert bench.table().rows == ()
    bench.run(test_mse=(0.1,) * 3, plugin_score=(1.0, 2.0, 3.0))
    chosen = ["plugin_score", "test_mse"]
    assert [column.key for column in bench.table(chosen).columns[2:-1]] == chosen
    with pytest.raises(WorkbenchError, match=r"no metric 'test_msee'. Did you mean 'test_mse'") as caught:
        bench.table(["test_msee"])
    assert caught.value.exit_code == 3


def test_published_values_are_beside_the_metric_unranked_with_their_source(bench: Bench) -> None:
    text = '[published]\nsource = "A. Author 2020"\n[published.test_mse]\n"vae-digits" = "0.020 ± 0.001"'
    published = read_published(parse_toml(text, "s.toml"))
    for kind in ("vae", "lae"):
        bench.run(kind, test_mse=(0.03, 0.031, 0.032))
    rows = [replace(row, preset=f"{row.kind}-digits") for row in bench.rows()]
    table = comparison_table(StorePaths(bench.root), rows, ["test_mse"], published=published)
    places = [column.key for column in table.columns]
    assert places.index("published_test_mse") == places.index("test_mse") + 1
    assert texts(table, "published_test_mse") == ["0.020 ± 0.001", "–"]
    assert not any(cell.best for cell in table.column("published_test_mse"))
    assert noted(table, "not ranked: A. Author 2020")
    # 0.031 − 0.020, over √(0.001² + 0.001²)
    assert texts(table, "deviation_test_mse") == ["+0.01100 (7.8 σ)", "–"]
    assert noted(table, "Deviation: ours − published")
    assert "0.02,0.011,3" in export(table, "csv")  # raw numbers for programs, then the number of seeds
    unrelated = comparison_table(StorePaths(bench.root), rows, ["knn_accuracy"], published=published)
    assert not noted(unrelated, "A. Author")


def test_what_was_measured_later_says_how_and_what_was_not_says_which_command_does(bench: Bench) -> None:
    runs = [bench.run(kind, test_mse=(0.03, 0.031, 0.032)) for kind in ("vae", "lae")]
    runs[0].evaluations.mkdir()
    body = {"schema": 1, "metric": "ais", "settings": {"images": 500, "chains": 8}, "seeds": [0, 1, 2]}
    values = {"ais": {"values": [-90.0, -91.0, -92.0], "se": [0.5] * 3, "n": 500}}
    write_json(runs[0].evaluations / "ais.json", {**body, "metrics": values})
    table = bench.table(["ais"])
    assert texts(table, "ais") == ["-91.0 ± 1.0", "–"]
    assert noted(table, "AIS log p(x): measured after the end with chains=8, images=500.")
    assert noted(table, "LAE has no AIS log p(x): workbench evaluate RUN --metric ais measures it.")


def health(*verdicts: str) -> list[dict[str, Any]]:
    return [{"verdict": v, "reasons": [] if v == "healthy" else ["the loss rose"]} for v in verdicts]


@pytest.mark.parametrize(("verdict", "mark"), [("unhealthy", "!"), ("doubtful", "?")])
def test_health_marks_numbers_with_a_note_and_an_unhealthy_row_is_never_the_best(
    bench: Bench, verdict: str, mark: str
) -> None:
    values = {"test_mse": (0.027, 0.0274, 0.0266), "energy_distance_null": (0.1,) * 3}
    edit(bench.run("vae", **values), health=health("healthy", verdict, "healthy"))
    edit(bench.run("lae", test_mse=(0.037, 0.0374, 0.0366)), health=health(*["healthy"] * 3))
    table = bench.table(["test_mse", "energy_distance_null"])
    assert texts(table, "test_mse") == [f"0.02700 ± 0.00040 {mark}", "0.03700 ± 0.00040"]
    assert [cell.best for cell in table.column("test_mse")] == [verdict == "doubtful", False]
    assert mark not in texts(table, "energy_distance_null")[0]  # of the data, not of the run
    assert texts(table, "health") == [f"{verdict} 1/3 {mark}", "healthy"]
    assert noted(table, f"{mark}: a run behind this is {verdict}")
    assert noted(table, f"VAE vae-digits: Seed 1 is {verdict}: the loss rose.")
    cell = json.loads(export(table, "json"))["rows"][0]["test_mse"]
    assert (cell["health"], cell["best"]) == (verdict, verdict == "doubtful")
    assert f"{verdict} 1/3 {mark}" in export(table, "csv")


def test_a_seed_that_does_not_count_does_not_mark_its_row(bench: Bench) -> None:
    """One that diverged has no value; of one that ran twice the newest result speaks."""
    edit(bench.run(seeds=(0, 1), test_mse=(0.1, 0.2)), health=health("healthy", "unhealthy"))
    edit(bench.run(seeds=(1, 2), test_mse=(0.1, 0.2)), health=health("healthy", "unhealthy"))
    edit(bench.made[1], diverged={"2": 40})
    table = bench.table(["test_mse"])
    assert [column.key for column in table.columns] == ["model", "name", "test_mse", "seeds"]
    assert texts(table, "test_mse") == ["0.1000 ± 0 †"]


def test_two_unhealthy_rows_leave_a_column_without_a_best(bench: Bench) -> None:
    for kind, mean in (("vae", 0.1), ("lae", 0.2)):
        edit(bench.run(kind, test_mse=(mean, mean + 0.01, mean)), health=health(*["unhealthy"] * 3))
    assert not any(cell.best for cell in bench.table(["test_mse"]).column("test_mse"))


def test_a_label_is_never_cut_before_what_differs(bench: Bench) -> None:
    """Case 4: settings that differ in a third row must not push out what the first two differ in."""
    widths = "[" + ", ".join(["128"] * 40) + "]"
    for number, rate in enumerate(("0.3", "0.6", "0.001")):
        made = bench.run(test_mse=(0.1, 0.2, 0.3))
        set_spec(made, "lr = 0.001", f"lr = {rate}", f"group-{number}")
        if rate == "0.001":
            text = made.spec.read_text()
            made.spec.write_text(re.sub(r"encoder = \[[^]]*\]", f"encoder = {widths}", text))
    for form in ("csv", "md", "latex", "json"):
        body = export(bench.table(["test_mse"]), form)
        assert "training.lr=0.3" in body and "training.lr=0.6" in body
