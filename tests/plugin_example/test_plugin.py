"""A family from another package: found by its entry point, held to the shared contract, run by the worker."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w
import torch

from tests.contracts import test_model_contract as contract
from tests.engine.small import FAMILIES, MOONS, make_trainer, small_spec, tables
from workbench.engine.trainer import Trainer
from workbench.errors import WorkbenchError
from workbench.spec import models
from workbench.spec.resolve import parse_spec
from workbench.store.paths import RunPaths

PACKAGE = Path(__file__).parent
SMALL = tables(MOONS, 20, {"kind": "ppca"})  # means of pictures would have to lie in [0, 1]

# Every promise of the shared contract is a test of this module too, on the family below. The test of single
# settings lists built-in families by name, so it would only run twice.
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})
del globals()["test_no_choice_of_a_setting_makes_a_step_wait"]


def forget_plugins() -> None:
    """Make the next question about families look at the installed packages again."""
    models.model_kinds.cache_clear()
    models.settings_class.cache_clear()


def install(folder: Path, points: dict[str, str]) -> Path:
    """Lay down what an installer would: a `.dist-info` with the entry points. No network, no build."""
    information = folder / "workbench_ppca-0.1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: workbench-ppca\nVersion: 0.1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (information / "entry_points.txt").write_text("[workbench.models]\n" + "\n".join(lines) + "\n")
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The example package, visible as if installed; gives the folders to put on PYTHONPATH."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    folders = [str(PACKAGE), str(install(tmp_path / "site", project["entry-points"]["workbench.models"]))]
    for folder in folders:
        monkeypatch.syspath_prepend(folder)
    forget_plugins()
    yield folders
    forget_plugins()


@pytest.fixture
def family(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(FAMILIES, "ppca", SMALL)
    return "ppca"


@pytest.fixture
def together(family: str, tmp_path: Path) -> Trainer:
    return contract.train(family, contract.SEEDS, tmp_path / "together")


@pytest.fixture
def alone(family: str, tmp_path: Path) -> list[Trainer]:
    return [contract.train(family, [seed], tmp_path / f"alone-{seed}") for seed in contract.SEEDS]


def test_without_the_package_the_family_is_unknown_and_with_it_known(installed: list[str]) -> None:
    assert models.model_kinds()[-1] == "ppca"
    assert models.settings_class("ppca").title == "pPCA"
    text = '[model]\nkind = "ppca"\nlatents = 2\n[training]\nepochs = 1'
    with pytest.raises(WorkbenchError, match=r"model\.latents: unknown key, did you mean 'latent'"):
        parse_spec(text)
    for folder in installed:
        sys.path.remove(folder)
    forget_plugins()
    with pytest.raises(WorkbenchError, match="unknown family 'ppca'"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package.settings:Settings", "Cannot load model kind"),
        ("json:JSONDecoder", "not a subclass of ModelSettings"),
    ],
)
def test_a_broken_package_is_an_error_and_leaves_the_other_families_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path, {"broken": value})))
    forget_plugins()
    try:
        with pytest.raises(WorkbenchError, match=message):
            parse_spec('[model]\nkind = "broken"\n[training]\nepochs = 1')
        parse_spec('[model]\nkind = "vae"\n[training]\nepochs = 1')
    finally:
        forget_plugins()


def test_the_worker_trains_it_in_a_process_of_its_own(installed: list[str], tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    paths.root.mkdir()
    evaluation = {"images": 40, "samples": 50, "importance_samples": 4}
    spec = SMALL | {"seeds": [0, 1], "training": {"iterations": 20}, "evaluation": evaluation}
    paths.spec.write_text(tomli_w.dumps(spec))
    search = os.pathsep.join([*installed, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "workbench.engine.worker", str(paths.root), "1"],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(paths.result.read_text())
    assert found["outcome"] == "finished"
    assert {"test_nelbo", "test_iwae", "test_mse", "knn_accuracy"} <= set(found["metrics"])


def test_it_finds_the_maximum_of_the_likelihood(family: str, tmp_path: Path) -> None:
    """Tipping and Bishop: −½ (D ln 2π + Σ ln λ_i over the kept, (D − d) ln of the mean of the rest, D)."""
    training = {"batch": 300, "lr": 0.02, "snapshot_every": 0}
    data, evaluation = {"train_size": 300}, {"every": 600}
    spec = small_spec(family, [0], 600, data=data, training=training, evaluation=evaluation)
    trainer = make_trainer(spec, tmp_path)
    trainer.run()
    x = trainer.data.examples("train", torch.arange(300), trainer.streams).x
    spectrum = torch.linalg.eigvalsh(torch.cov(x[0].T, correction=0))
    best = -0.5 * (2 * math.log(2 * math.pi) + spectrum.log().sum() + 2)  # d = 1 of D = 2: the rest is one λ
    assert trainer.model.log_px(x).mean().item() == pytest.approx(best.item(), abs=1e-4)  # type: ignore[operator]
