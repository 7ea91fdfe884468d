"""The worker as a process: what it leaves, how it ends, and what it says when it cannot go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.forked import ForkedWorker
from tests.engine.small import read_rows, small_spec, write_spec
from tests.queue.chaos import until
from workbench.engine import session, worker
from workbench.engine.process import Stop, StopRequested
from workbench.engine.worker import main
from workbench.errors import DATA, STORE, WorkbenchError
from workbench.store.examples import read_examples
from workbench.store.paths import RunPaths


def prepare(
    folder: Path, iterations: int = 20, seeds: tuple[int, ...] = (0, 1), family: str = "vae", **changes: Any
) -> RunPaths:
    """Make a run folder as the submitter does."""
    return write_spec(small_spec(family, list(seeds), iterations, **changes), folder)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run `main` in this process without taking over its signals."""
    monkeypatch.setattr(Stop, "install", lambda self: None)
    before, threads = os.umask(0o022), torch.get_num_threads()
    os.umask(before)
    variables = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    yield
    os.umask(before)
    torch.set_num_threads(threads)
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)


def run(paths: RunPaths) -> int:
    return main([str(paths.root), "1"])


def test_a_stopped_and_resumed_run_gives_what_an_uninterrupted_one_gives(
    tmp_path: Path, inside: None
) -> None:
    rarely = {"training": {"snapshot_every": 1000}, "evaluation": {"every": 300}}
    straight, broken = (prepare(tmp_path / name, 1000, **rarely) for name in ("straight", "broken"))
    command = [sys.executable, "-m", "workbench.engine.worker", str(broken.root), "1"]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: broken.metrics.exists() and broken.metrics.read_text().count("\n") > 8, 60)
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 76, errors
    assert "checkpoint written" in errors.splitlines()[-1]
    assert not broken.result.exists()
    assert list(broken.checkpoints.glob("*.pt"))
    code, errors = ForkedWorker(broken.root).finish()
    assert code == 0, errors
    assert any("resuming from the checkpoint" in line for line in errors)
    assert run(straight) == 0
    assert read_rows(broken) == read_rows(straight)
    left, right = (json.loads(paths.result.read_text()) for paths in (straight, broken))
    assert left["outcome"] == "finished"
    assert left["seeds"] == [0, 1]
    assert {"test_nelbo", "test_iwae", "test_mse", "knn_accuracy", "energy_distance"} <= set(left["metrics"])
    for result in (left, right):
        assert result["metrics"].pop("training_seconds")["values"] == [result["seconds"]] * 2
    assert left["metrics"] == right["metrics"]
    by_example = read_examples(straight)
    assert set(by_example) == {"test_nelbo", "test_iwae", "test_iwae_effective", "test_mse", "knn_accuracy"}
    for name, examples in by_example.items():  # their means are the result
        assert examples.values.mean(1) == pytest.approx(left["metrics"][name]["values"], rel=1e-6)
        assert (examples.ids == read_examples(broken)[name].ids).all() and len(set(examples.ids)) == 60
    assert json.loads(straight.progress.read_text())["phase"] == "done"
    assert json.loads(straight.environment.read_text())["seeds"] == [0, 1]
    for path in straight.root.rglob("*"):
        assert path.name == "spec.toml" or not path.stat().st_mode & 0o077, path  # private


def test_torchs_compiler_is_never_loaded(tmp_path: Path) -> None:
    """Its import would delay the first point of every run by two seconds."""
    code = (
        "import sys; from workbench.engine.worker import main; assert main(sys.argv[1:]) == 0\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(prepare(tmp_path / "run", 5).root), "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_with_a_result_is_left_alone(tmp_path: Path, inside: None, capsys) -> None:
    paths = prepare(tmp_path / "run")
    paths.result.write_text("{}")
    assert run(paths) == 0
    assert paths.result.read_text() == "{}"
    assert not paths.metrics.exists()
    assert "result already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no = toml = at all", "Cannot read"),
        ("seeds = [0]", "model: Field required"),
        ('[model]\nkind = "vae"\nlatent = 0\n[training]\nepochs = 1', "latent"),
    ],
)
def test_a_bad_spec_is_reported_and_never_tried_again(
    tmp_path: Path, inside: None, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    paths = prepare(tmp_path / "run")
    paths.spec.write_text(text)
    assert run(paths) == 78
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_missing_data_are_reported(
    tmp_path: Path, inside: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = prepare(tmp_path / "run", data={"name": "mnist"})
    variables = {"WORKBENCH_DATA_DIR": str(tmp_path / "empty"), "WORKBENCH_DOWNLOAD": "no"}
    paths.origin.write_text(json.dumps({"schema": 1, "variables": variables}))  # the submitter's settings
    assert run(paths) == 78
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"mnist is not in {tmp_path / 'empty'}")


@pytest.mark.skipif(torch.cuda.device_count() > 63, reason="this machine has it")
def test_a_gpu_that_is_not_here_is_reported_and_nothing_else_is_used(
    tmp_path: Path, inside: None, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = prepare(tmp_path / "run", resources={"device": "cuda:63"})
    assert run(paths) == 77
    assert "Cannot use cuda:63" in capsys.readouterr().err.splitlines()[-1]
    assert not paths.metrics.exists()


def test_the_schedulers_choice_of_device_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    assert session.choose_device("cuda:63") == torch.device("cpu")
    assert session.choose_device("auto") == torch.device("cpu")


def test_a_model_too_large_for_the_memory_is_reported(tmp_path: Path, inside: None, capsys) -> None:
    huge = {"kind": "vae", "encoder": [1, 100_000, 100_000]}
    # ten seeds of 10¹⁰ weights: 400 GB; the layers before are drawn in no time
    assert run(prepare(tmp_path / "run", seeds=tuple(range(10)), model=huge)) == 75
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Out of memory") and "training.batch" in last


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), 75),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), 75),
        (MemoryError(), 75),
        (WorkbenchError("The data are damaged.", "", DATA), 78),
        (WorkbenchError("No room.", "", STORE), 74),
        (PermissionError(13, "Permission denied", "/runs/x"), 74),
        (OSError(28, "No space left on device", "/runs/x"), 80),
        (OSError(122, "Disk quota exceeded"), 80),  # a failing write does not name its file
        (OSError(27, "File too large"), 80),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), 79),
        (StopRequested(), 76),
    ],
)
def test_every_end_has_its_code(
    tmp_path: Path,
    inside: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: BaseException,
    code: int,
) -> None:
    def fail(*arguments: Any) -> int:
        raise problem

    monkeypatch.setattr(session, "train", fail)
    assert run(prepare(tmp_path / "run")) == code
    assert "Traceback" not in capsys.readouterr().err


def test_an_unforeseen_error_keeps_its_traceback(
    tmp_path: Path, inside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(session, "train", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run(prepare(tmp_path / "run"))


@pytest.mark.check("whole 9", "The result of a diverged run reports the divergence.")
def test_a_diverged_run_has_a_result_that_says_so(tmp_path: Path, inside: None) -> None:
    training = {"lr": 10.0, "optimiser": "sgd", "precision": "float32", "clip": 0.0}
    paths = prepare(tmp_path / "run", 400, training=training, model={"kind": "vae", "likelihood": "gaussian"})
    assert run(paths) == 0
    result = json.loads(paths.result.read_text())
    assert result["outcome"] == "diverged"
    assert set(result["diverged"]) == {"0", "1"}
    assert result["step"] < 400


@pytest.mark.check("whole 5", "Result and log report chains that have not converged.")
@pytest.mark.parametrize("objective", ["power", "ti-full"])
def test_a_run_whose_chains_have_not_converged_says_so(
    objective: str, tmp_path: Path, inside: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two steps from N(0, I) reach no posterior; the result and the log say so."""
    model = {"objective": objective, "temperatures": 4, "warm_start": False}
    chains = {"posterior_steps": 2, "prior_steps": 20, "sigma": 0.1}
    paths = prepare(tmp_path / "run", 5, family="lebm", model=model | chains, training={"batch": 6})
    assert run(paths) == 0
    metrics = json.loads(paths.result.read_text())["metrics"]
    assert metrics["ti_converged"]["values"] == [0.0, 0.0]
    errors = capsys.readouterr().err
    assert "NOT CONVERGED: chains of 2 of 2 seeds" in errors
    assert ("BIASED" in errors) == (objective == "power")


def test_a_stop_waits_while_there_is_something_to_save_and_interrupts_otherwise() -> None:
    stop = Stop()
    stop.patient = True
    stop._on_signal(signal.SIGTERM, None)
    assert stop.requested
    stop.patient = False
    with pytest.raises(StopRequested):
        stop._on_signal(signal.SIGTERM, None)
    assert not issubclass(StopRequested, Exception)  # or a library's `except Exception` would swallow it


def test_wrong_arguments_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert worker.main(["one"]) == 2
    assert "RUN_FOLDER ATTEMPT" in capsys.readouterr().err
