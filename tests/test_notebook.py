"""The face for notebooks: docs/notebook.md runs as printed (case 17), and faults are one sentence."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import workbench
from tests.stores import make_run, make_store
from workbench.errors import NOT_FOUND, RUN_FAILED, USAGE, WorkbenchError

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_world(tmp_path, monkeypatch):
    for name in ("CONFIG", "DATA_DIR"):
        monkeypatch.setenv(f"WORKBENCH_{name}", str(tmp_path / name))
    monkeypatch.setenv("WORKBENCH_STORE", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(tmp_path):
    root = make_store(tmp_path / "runs")
    make_run(root, "20261121-100000-vae-digits-aaaa", study="starter", created=1000.0)
    make_run(root, "20261121-100001-lae-digits-bbbb", kind="lae", study="starter", created=1001.0)
    make_run(root, "20261121-110000-avb-digits-cccc", kind="avb", state="failed", created=2000.0)
    make_run(root, "20261121-120000-lebm-digits-dddd", kind="lebm", state="running", created=3000.0)
    return root


def test_the_page_runs_as_printed(monkeypatch):
    monkeypatch.setattr("workbench.queue.devices.free_memory_mb", lambda: 1 << 20)
    page = doctest.DocTestParser().get_doctest(
        (ROOT / "docs" / "notebook.md").read_text(), {}, "notebook.md", "docs/notebook.md", 0
    )
    assert len(page.examples) > 25
    report: list[str] = []
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=options).run(page, out=report.append)
    assert not report, "".join(report)


def test_import_is_quick_and_loads_neither_torch_nor_numpy():
    code = """
import sys, workbench
assert workbench.__version__ and set(dir(workbench)) >= {"__version__"}
heavy = [m for m in ("torch", "numpy", "pydantic", "typer", "textual") if m in sys.modules]
assert not heavy, heavy
assert callable(workbench.load) and callable(workbench.run) and "torch" not in sys.modules
try:
    workbench.lod
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "no attribute 'lod'" in done.stdout


def test_a_run_is_found_by_id_part_of_it_or_folder(store, tmp_path):
    by_id = workbench.load("20261121-100000-vae-digits-aaaa")
    elsewhere = shutil.copytree(store, tmp_path / "other")
    for run in (
        by_id,
        workbench.load("aaaa"),
        workbench.load(store / by_id.id),
        workbench.load("aaaa", store=elsewhere),
    ):
        assert run.id == by_id.id and run.spec["model"]["kind"] == "vae"
    assert workbench.load("aaaa", store=elsewhere).folder == elsewhere / by_id.id
    assert repr(by_id) == f"<Run {by_id.id}: {by_id.name}, seeds 0, 1, 2, finished, step 1820>"


def test_results_curves_and_snapshots_are_arrays(store):
    run = workbench.load("aaaa")
    assert run.result["test_mse"]["values"].shape == run.result["test_mse"]["se"].shape == (3,)
    curve = run.curves["train:loss"]
    assert curve.values.shape == (3, 200) and curve.steps.shape == curve.epochs.shape == (200,)
    assert np.array_equal(run.curves["loss"].values, run.curves["train:loss"].values)
    with pytest.raises(KeyError, match="Did you mean 'train:loss'"):
        run.curves["train:los"]
    assert run.curves["test:loss"].values.shape == (3, 20) and len(run.curves) == 2
    step = run.sample_steps[-1]
    assert run.samples(step).images.shape == (3, 16, 8, 8) and run.latents(step).z.shape == (3, 500, 2)
    assert run.examples == {} and run.evaluations == [] and run.health == []
    curve.values[:] = 0
    assert run.curves["train:loss"].values.any(), "arrays are the caller's own"


def test_frames_are_long_tables_of_the_library_that_is_installed(store, monkeypatch):
    class Library:
        DataFrame = staticmethod(lambda columns: columns)

    monkeypatch.setitem(sys.modules, "pandas", None)  # not installed
    monkeypatch.setitem(sys.modules, "polars", Library)
    run = workbench.load("aaaa")
    columns = run.curves.frame()
    assert list(columns) == ["split", "metric", "seed", "step", "epoch", "seconds", "value"]
    assert {len(column) for column in columns.values()} == {3 * (200 + 20)}
    first = [
        place
        for place, (s, seed) in enumerate(zip(columns["split"], columns["seed"], strict=True))
        if (s, seed) == ("test", 2)
    ]
    assert np.array_equal([columns["value"][k] for k in first], run.curves["test:loss"].values[2])
    assert set(workbench.table("starter-1", frame=True)) >= {"test_mse", "test_mse_std"}
    for library in ("pandas", ""):
        monkeypatch.setitem(sys.modules, "polars", Library if library else None)
        with pytest.raises(WorkbenchError, match=f"{library or 'pandas or polars'} is not installed"):
            run.curves.frame(library)


def test_tables_are_rows_of_numbers(store):
    rows = workbench.table("starter-1", ["test_mse"])
    assert [row["model"] for row in rows] == ["VAE", "LAE"] and rows[0]["test_mse_n"] == 3
    values = workbench.load("aaaa").result["test_mse"]["values"]
    assert rows[0]["test_mse"] == pytest.approx(values.mean())
    assert rows[0]["test_mse_std"] == pytest.approx(values.std(ddof=1))
    assert workbench.table(["aaaa", workbench.load("bbbb")], ["test_mse"])[0]["model"] == "VAE"
    assert len(workbench.table()) == 2
    assert [run.id[-4:] for run in workbench.runs("state:finished")] == ["bbbb", "aaaa"]


def test_runs_are_queued_with_changes_and_waited_for(store, monkeypatch):
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda _: None)
    runs = workbench.run("aaaa", {"model.encoder": [8, 4]}, 2, grid={"training.lr": [1e-3, 1e-4]})
    assert [(run.spec["training"]["lr"], run.seeds, run.state) for run in runs] == [
        (1e-3, (0, 1), "queued"),
        (1e-4, (0, 1), "queued"),
    ]
    assert runs[0].spec["model"]["encoder"] == [8, 4]
    (again,) = workbench.run("vae-digits", ["training.lr=0.5"])
    assert again.name == "vae-digits lr=0.5"
    with pytest.raises(WorkbenchError, match=f"{runs[0].id} is queued after 0 s") as caught:
        runs.wait(0)
    assert caught.value.exit_code == RUN_FAILED
    assert workbench.load("aaaa").wait().state == "finished"
    with pytest.raises(WorkbenchError, match="avb-digits-cccc is failed"):
        workbench.load("cccc").wait()


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda: workbench.load("zzzz"), NOT_FOUND, "There is no run 'zzzz'"),
        (lambda: workbench.load("20261121"), USAGE, "matches 4 runs"),
        (lambda: workbench.load("aaaa", store="none"), NOT_FOUND, "it does not exist"),
        (lambda: workbench.load("aaaa").samples(7), NOT_FOUND, "no samples of step 7. Steps: 1820."),
        (lambda: workbench.load("aaaa").model(), NOT_FOUND, "has no usable checkpoint"),
        (lambda: workbench.run("vae-digits", {"model.latnet": 2}), USAGE, "did you mean 'latent'"),
        (lambda: workbench.run("vae-digits", "model.latent=2"), USAGE, "Cannot read the changes"),
        (lambda: workbench.run("vae-digit"), NOT_FOUND, "Did you mean 'vae-digits'"),
        (lambda: workbench.table("nope"), NOT_FOUND, "nope"),
        (lambda: workbench.table(metrics=["nope"]), NOT_FOUND, "nope"),
        (lambda: workbench.runs("test_mse<"), USAGE, "test_mse<"),
    ],
)
def test_faults_are_one_sentence(store, call, code, words):
    with pytest.raises(WorkbenchError) as caught:
        call()
    assert caught.value.exit_code == code and words in str(caught.value)
    assert len(list(store.iterdir())) == 5, "nothing was queued"
