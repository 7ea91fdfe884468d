"""Small experiments of every family that tests train for a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.engine.data import DataSet, load
from workbench.engine.recorder import Recorder
from workbench.engine.setup import DTYPES, build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

FAMILIES: dict[str, dict[str, Any]] = {
    "vae": {
        "model": {"kind": "vae", "latent": 3, "encoder": [16], "decoder": [16], "draws": 2},
        "data": {"name": "digits", "binarise": "dynamic"},
        "training": {"batch": 20, "clip": 1.0},
    },
    "vae-flow": {
        "model": {"kind": "vae-flow", "latent": 3, "encoder": [16], "decoder": [16], "layer_norm": True},
        "data": {"name": "digits", "binarise": "dynamic"},
        "training": {"batch": 20},
    },
    "dlgm": {
        "model": {"kind": "dlgm", "latent": 3, "encoder": [16], "decoder": [16], "draws": 2},
        "data": {"name": "digits"},
        "training": {"batch": 20, "optimiser": "sgd", "lr": 1e-4},
    },
    "binary-vae": {
        "model": {"kind": "binary-vae", "latent": 5, "encoder": [16], "decoder": [16], "draws": 2},
        "data": {"name": "digits", "binarise": "dynamic"},
        "training": {"batch": 20},
    },
    "ae-gmm": {
        "model": {
            "kind": "ae-gmm",
            "latent": 2,
            "encoder": [16],
            "decoder": [16],
            "components": [2, 3],
            "restarts": 1,
            "fit_codes": 300,
        },
        "data": {"name": "digits"},
        "training": {"batch": 20},
    },
    "lae": {
        "model": {"kind": "lae", "latent": 2, "encoder": [16, 24], "decoder": [16], "step_size": 1e-3},
        "data": {"name": "digits"},
        "training": {"batch": 20, "optimiser": "sgd", "lr": 1e-4},
    },
    "lae/course": {
        "model": {
            "kind": "lae",
            "latent": 2,
            "encoder": [16, 24],
            "decoder": [16],
            "likelihood": "bernoulli",
            "energy": "likelihood",
            "noise": "course",
            "adapt_step": False,
            "step_size": 1e-3,
        },
        "data": {"name": "digits"},
        "training": {"batch": 20, "lr": 1e-4},
    },
    "avb": {
        "model": {"kind": "avb", "noise": 4, "encoder": [16], "decoder": [16], "adversary": [16]},
        "data": {"name": "onehot4"},
        "training": {"batch": 24, "beta1": 0.5},
    },
    "avb/contrast": {
        "model": {
            "kind": "avb",
            "adaptive_contrast": True,
            "noise": 3,
            "noise_basis": 2,
            "noise_net": [8],
            "encoder": [16],
            "decoder": [16],
            "adversary": [16],
        },
        "data": {"name": "onehot4"},
        "training": {"batch": 24, "beta1": 0.5},
    },
    "avb/added": {
        "model": {
            "kind": "avb",
            "noise_kind": "added",
            "noise_at": "every-layer",
            "encoder": [16],
            "decoder": [16],
            "adversary": [16],
        },
        "data": {"name": "onehot4"},
        "training": {"batch": 24, "optimiser": "sgd"},
    },
    "avb/inner-product": {
        "model": {
            "kind": "avb",
            "adversary_form": "inner-product",
            "adversary_features": 6,
            "noise": 4,
            "encoder": [16],
            "decoder": [16],
            "adversary": [16],
        },
        "data": {"name": "onehot4"},
        "training": {"batch": 24, "beta1": 0.5},
    },
    "lebm": {
        "model": {
            "kind": "lebm",
            "prior": [8],
            "generator": [8],
            "prior_steps": 4,
            "posterior_steps": 3,
            "warm_start": True,
        },
        "data": {"name": "moons", "train_size": 200, "test_size": 100},
        "training": {"batch": 30, "schedule": "linear"},
    },
    "lebm/power": {
        "model": {
            "kind": "lebm",
            "objective": "power",
            "temperatures": 3,
            "prior": [8],
            "generator": [8],
            "prior_steps": 4,
            "posterior_steps": 4,
            "f_l2": 0.01,
        },
        "data": {"name": "moons", "train_size": 200, "test_size": 100},
        "training": {"batch": 6, "clip": 10.0},
    },
    "lebm/ti-full": {
        "model": {
            "kind": "lebm",
            "objective": "ti-full",
            "temperatures": 3,
            "prior": [8],
            "generator": [8],
            "prior_steps": 4,
            "posterior_steps": 4,
            "warm_start": True,
            "exchange": 2,
        },
        "data": {"name": "moons", "train_size": 200, "test_size": 100},
        "training": {"batch": 6, "clip": 10.0},
    },
    "image-lebm": {
        "model": {
            "kind": "image-lebm",
            "latent": 5,
            "prior": [8],
            "generator": [6],
            "prior_steps": 4,
            "posterior_steps": 3,
        },
        "data": {"name": "digits"},
        "training": {"batch": 10},
    },
    "ddpm": {
        "model": {"kind": "ddpm", "steps": 12, "schedule": "cosine", "net": [16], "features": 6},
        "data": {"name": "moons", "train_size": 200, "test_size": 100},
        "training": {"batch": 30},
    },
    "dsm": {
        "model": {
            "kind": "dsm",
            "levels": 4,
            "sigma_min": 0.1,
            "chain_steps": 3,
            "chain_step": 2e-3,
            "net": [16],
        },
        "data": {"name": "moons", "train_size": 200, "test_size": 100},
        "training": {"batch": 30},
    },
    "classifier": {
        "model": {"kind": "classifier", "hidden": [16], "attack_images": 20, "pgd_steps": 2},
        "data": {"name": "digits"},
        "training": {"batch": 20},
    },
}


def small_spec(family: str, seeds: list[int], iterations: int = 30, **changes: Any) -> RunSpec:
    """Return a tiny float64 spec; `changes` are merged into its tables."""
    body: dict[str, Any] = {name: dict(table) for name, table in FAMILIES[family].items()}
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
