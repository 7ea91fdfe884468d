"""Small experiments of every family that tests train for a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomli_w
import torch
from torch import Tensor

from workbench.engine import session
from workbench.engine.data import DataSet, load
from workbench.engine.data.batch import Batch
from workbench.engine.recorder import Recorder
from workbench.engine.setup import DTYPES, build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.runs import create_run

DIGITS, CODES = {"name": "digits"}, {"name": "onehot4"}
BITS = {**DIGITS, "binarise": "dynamic"}
MOONS = {"name": "moons", "train_size": 200, "test_size": 100}
NETS = {"encoder": [16], "decoder": [16]}
FEW = {**DIGITS, "train_size": 100, "test_size": 60}
FEW_BITS = {**FEW, "binarise": "dynamic"}
CONV = {"net": "conv", "encoder": [2, 3], "decoder": [3, 2]}
RESIDUAL = {**CONV, "net": "residual"}
AVB = {"kind": "avb", "adversary": [16], **NETS}
LEBM = {"kind": "lebm", "prior": [8], "generator": [8], "prior_steps": 4, "posterior_steps": 4}
LAE = {"kind": "lae", "latent": 2, "encoder": [16, 24], "decoder": [16], "step_size": 1e-3}
COURSE = {"likelihood": "bernoulli", "energy": "likelihood", "noise": "course", "adapt_step": False}


def tables(data: dict[str, Any], batch: int, model: dict[str, Any], **training: Any) -> dict[str, Any]:
    return {"model": model, "data": data, "training": {"batch": batch, **training}}


FAMILIES: dict[str, dict[str, Any]] = {
    "vae": tables(BITS, 20, {"kind": "vae", "latent": 3, "draws": 2, **NETS}, clip=1.0),
    "vae-flow": tables(BITS, 20, {"kind": "vae-flow", "latent": 3, "layer_norm": True, **NETS}),
    "dlgm": tables(DIGITS, 20, {"kind": "dlgm", "latent": 3, "draws": 2, **NETS}, optimiser="sgd", lr=1e-4),
    "binary-vae": tables(BITS, 20, {"kind": "binary-vae", "latent": 5, "draws": 2, **NETS}),
    "ae-gmm": tables(
        DIGITS,
        20,
        {"kind": "ae-gmm", "latent": 2, "components": [2, 3], "restarts": 1, "fit_codes": 300, **NETS},
    ),
    "lae": tables(DIGITS, 20, LAE, optimiser="sgd", lr=1e-4),
    "lae/course": tables(DIGITS, 20, LAE | COURSE, lr=1e-4),
    "avb": tables(CODES, 24, AVB | {"noise": 4}, beta1=0.5),
    "avb/contrast": tables(
        CODES,
        24,
        AVB | {"adaptive_contrast": True, "noise": 3, "noise_basis": 2, "noise_net": [8]},
        beta1=0.5,
    ),
    "avb/added": tables(CODES, 24, AVB | {"noise_kind": "added", "noise_at": "every-layer"}, optimiser="sgd"),
    "avb/inner-product": tables(
        CODES, 24, AVB | {"adversary_form": "inner-product", "adversary_features": 6, "noise": 4}, beta1=0.5
    ),
    "lebm": tables(MOONS, 30, LEBM | {"posterior_steps": 3, "warm_start": True}, schedule="linear"),
    "lebm/power": tables(MOONS, 6, LEBM | {"objective": "power", "temperatures": 3, "f_l2": 0.01}, clip=10.0),
    "lebm/ti-full": tables(
        MOONS,
        6,
        LEBM | {"objective": "ti-full", "temperatures": 3, "warm_start": True, "exchange": 2},
        clip=10.0,
    ),
    "ddpm": tables(
        MOONS, 30, {"kind": "ddpm", "steps": 12, "schedule": "cosine", "net": [16], "features": 6}
    ),
    "dsm": tables(
        MOONS,
        30,
        {"kind": "dsm", "levels": 4, "sigma_min": 0.1, "chain_steps": 3, "chain_step": 2e-3, "net": [16]},
    ),
    "classifier": tables(
        DIGITS, 20, {"kind": "classifier", "hidden": [16], "attack_images": 20, "pgd_steps": 2}
    ),
}

# with convolutional nets, of each family that has them; the most important promises are tested of these too
CONVOLUTIONAL: dict[str, dict[str, Any]] = {
    "ae-gmm/conv": tables(
        FEW,
        10,
        {"kind": "ae-gmm", "latent": 2, "components": [2], "restarts": 1, "fit_codes": 100, **CONV},
    ),
    "avb/residual": tables(
        FEW,
        10,
        AVB | {"noise": 3, "noise_net": [4], "likelihood": "discretised-logistic", **RESIDUAL},
        beta1=0.5,
    ),
    "avb/conv-contrast": tables(
        FEW, 10, AVB | {"adaptive_contrast": True, "noise": 3, "noise_basis": 2, "noise_net": [4], **CONV}
    ),
    "binary-vae/conv": tables(FEW_BITS, 10, {"kind": "binary-vae", "latent": 3, "draws": 2, **CONV}),
    "dlgm/conv": tables(FEW, 10, {"kind": "dlgm", "latent": 2, **CONV}),
    "lae/residual": tables(FEW, 10, LAE | {"step_size": 1e-5, **RESIDUAL}, optimiser="sgd", lr=1e-5),
    "lebm/conv": tables(FEW, 10, LEBM | {"net": "conv", "latent": 5, "generator": [3], "posterior_steps": 3}),
    "vae/conv": tables(FEW_BITS, 10, {"kind": "vae", "latent": 2, **CONV}),
    "vae-flow/residual": tables(
        FEW_BITS, 10, {"kind": "vae-flow", "latent": 2, "layer_norm": True, **RESIDUAL}
    ),
}


def small_spec(family: str, seeds: list[int], iterations: int = 30, **changes: Any) -> RunSpec:
    """Return a tiny float64 spec; `changes` are merged into its tables."""
    found = {**FAMILIES, **CONVOLUTIONAL}[family]
    body: dict[str, Any] = {name: dict(table) for name, table in found.items()}
    body["training"] |= {"iterations": iterations, "precision": "float64", "snapshot_every": 15}
    body["evaluation"] = {
        "every": 10,
        "importance_samples": 4,
        "samples": 50,
        "sample_draws": 2,
        "images": 60,
    }
    for name, table in changes.items():
        body[name] = {**body.get(name, {}), **table}
    return RunSpec.model_validate({**body, "seeds": seeds})


def load_data(spec: RunSpec, device: str = "cpu") -> DataSet:
    """Return the spec's data in its precision; nothing is fetched."""
    return load(spec.data, Path("absent"), False, device=device, dtype=DTYPES[spec.training.precision])


def make_trainer(spec: RunSpec, folder: Path, device: str = "cpu") -> Trainer:
    """Return a trainer at its very start that records into `folder`."""
    folder.mkdir(exist_ok=True)
    data = load_data(spec, device)
    streams = Streams(spec.seeds, data.device, data.dtype)
    recorder = Recorder(RunPaths(folder))
    recorder.open(0)
    return Trainer(spec, build_model(spec, data.info, streams), data, streams, recorder)


def finished(store: StorePaths, spec: RunSpec, preset: str | None = None) -> str:
    """Train `spec` as a run of the store, with a checkpoint and a result; return its id."""
    run = store.run(create_run(store, spec, preset=preset))
    trainer = session.prepare(spec, load_data(spec), Recorder(run))
    outcome = trainer.run()
    session.commit(run, session.result(spec, outcome, {}, "cpu"))
    return run.id


def write_spec(spec: RunSpec, folder: Path) -> RunPaths:
    """Write `spec` into `folder` as the submitter does."""
    paths = RunPaths(folder)
    paths.root.mkdir(exist_ok=True, parents=True)
    paths.spec.write_text(tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True)))
    return paths


def read_rows(paths: RunPaths, split: str = "", *, seconds: bool = False) -> list[dict[str, Any]]:
    """Return the rows of one split or all, without their seconds: these differ from run to run."""
    found = [json.loads(line) for line in paths.metrics.read_text().splitlines()]
    found = [row for row in found if split in ("", row["split"])]
    return [{key: value for key, value in row.items() if seconds or key != "seconds"} for row in found]


def batch_of(x: Tensor) -> Batch:
    """Return x [S, B, D] as a batch with labels 0 and indices 0..B-1."""
    index = torch.arange(x.shape[1]).expand(len(x), -1)
    return Batch(x, torch.zeros_like(index), index)


def assert_within_4_errors(per_chain: Tensor, truth: Tensor | float) -> None:
    """Members are independent runs: their spread is the Monte Carlo error."""
    error = per_chain.std(0) / len(per_chain) ** 0.5
    assert ((per_chain.mean(0) - truth).abs() < 4 * error).all(), (per_chain.mean(0), truth, error)
