"""Small experiments of every family that tests train for a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomli_w

from workbench.engine.data import DataSet, load
from workbench.engine.recorder import Recorder
from workbench.engine.setup import DTYPES, build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

NETS = {"encoder": [16], "decoder": [16]}
ADVERSARIAL = {**NETS, "adversary": [16]}
CHAINS = {"prior": [8], "generator": [8], "prior_steps": 4}
RUNGS = {**CHAINS, "posterior_steps": 4, "temperatures": 3}
DIGITS = {"name": "digits"}
BITS = {"name": "digits", "binarise": "dynamic"}
CODES = {"name": "onehot4"}
MOONS = {"name": "moons", "train_size": 200, "test_size": 100}
SLOW = {"batch": 20, "lr": 1e-4}
ADAM = {"batch": 24, "beta1": 0.5}
WARM = {"posterior_steps": 3, "warm_start": True}
LAE = {"latent": 2, "encoder": [16, 24], "decoder": [16], "step_size": 1e-3}
COURSE = {"likelihood": "bernoulli", "energy": "likelihood", "noise": "course", "adapt_step": False}
MIXTURE = {"components": [2, 3], "restarts": 1, "fit_codes": 300}
BASIS = {"adaptive_contrast": True, "noise": 3, "noise_basis": 2, "noise_net": [8]}
INNER = {"adversary_form": "inner-product", "adversary_features": 6, "noise": 4}
FULL = {"objective": "ti-full", "warm_start": True, "exchange": 2}
LEVELS = {"levels": 4, "sigma_min": 0.1, "chain_steps": 3, "chain_step": 2e-3}


def _family(kind: str, data: dict[str, Any], training: dict[str, Any], **model: Any) -> dict[str, Any]:
    return {"model": {"kind": kind, **model}, "data": data, "training": training}


FAMILIES: dict[str, dict[str, Any]] = {
    "vae": _family("vae", BITS, {"batch": 20, "clip": 1.0}, latent=3, draws=2, **NETS),
    "vae-flow": _family("vae-flow", BITS, {"batch": 20}, latent=3, layer_norm=True, **NETS),
    "dlgm": _family("dlgm", DIGITS, {**SLOW, "optimiser": "sgd"}, latent=3, draws=2, **NETS),
    "binary-vae": _family("binary-vae", BITS, {"batch": 20}, latent=5, draws=2, **NETS),
    "ae-gmm": _family("ae-gmm", DIGITS, {"batch": 20}, latent=2, **NETS, **MIXTURE),
    "lae": _family("lae", DIGITS, {**SLOW, "optimiser": "sgd"}, **LAE),
    "lae/course": _family("lae", DIGITS, SLOW, **LAE, **COURSE),
    "avb": _family("avb", CODES, ADAM, noise=4, **ADVERSARIAL),
    "avb/contrast": _family("avb", CODES, ADAM, **BASIS, **ADVERSARIAL),
    "avb/added": _family(
        "avb",
        CODES,
        {"batch": 24, "optimiser": "sgd"},
        noise_kind="added",
        noise_at="every-layer",
        **ADVERSARIAL,
    ),
    "avb/inner-product": _family("avb", CODES, ADAM, **INNER, **ADVERSARIAL),
    "lebm": _family("lebm", MOONS, {"batch": 30, "schedule": "linear"}, **CHAINS, **WARM),
    "lebm/power": _family("lebm", MOONS, {"batch": 6, "clip": 10.0}, objective="power", f_l2=0.01, **RUNGS),
    "lebm/ti-full": _family("lebm", MOONS, {"batch": 6, "clip": 10.0}, **FULL, **RUNGS),
    "image-lebm": _family(
        "image-lebm", DIGITS, {"batch": 10}, **{**CHAINS, "generator": [6]}, latent=5, posterior_steps=3
    ),
    "ddpm": _family("ddpm", MOONS, {"batch": 30}, steps=12, schedule="cosine", net=[16], features=6),
    "dsm": _family("dsm", MOONS, {"batch": 30}, net=[16], **LEVELS),
    "classifier": _family("classifier", DIGITS, {"batch": 20}, hidden=[16], attack_images=20, pgd_steps=2),
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
