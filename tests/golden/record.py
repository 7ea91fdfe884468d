"""Measure what must not change between versions: group hashes, short runs of every family, exports.

`python -m tests.golden.record` adds what is missing in tests/golden/recorded, for tests/test_recorded.py.
To record a value again, delete its file (or its line of hashes.json) first, and give the reason in
docs/decisions.md. `python tests/golden/record.py FOLDER` measures the `workbench` on PYTHONPATH for
benchmarks/same_numbers.py. That may be an older version: only `workbench.api` and the commands are used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
FORMATS = ("csv", "md", "latex", "json")

SHORT = (
    "training.iterations=12 training.batch=16 training.precision=float64 training.log_every=4 "
    "training.snapshot_every=6 evaluation.every=6 evaluation.images=60 evaluation.importance_samples=4 "
    "evaluation.samples=50 evaluation.sample_draws=2 resources.device=cpu"
)
NARROW = ["model.encoder=[24, 20]", "model.decoder=[16]"]
DIGITS = ["data.name=digits"]  # where the preset's own data would have to be fetched
MOONS = ["data.train_size=200", "data.test_size=100"]
ATTACK = ["model.attack_images=20", "model.pgd_steps=3"]
AUGMENTED = [*DIGITS, "model.net=mlp", "model.hidden=[16]", *ATTACK]
CNN = ["data.train_size=200", "data.test_size=60", "model.attack_images=10", "model.pgd_steps=2"]
COURSE = [*DIGITS, *NARROW, "data.validation_size=50", "evaluation.every=2", "training.patience=1"]
DIVERGES = ["training.optimiser=sgd", "training.lr=10", "model.likelihood=gaussian"]
PATIENCE = ["data.validation_size=40", "training.patience=1", "training.lr=0.3", "evaluation.every=2"]
SIGMA = ["model.likelihood=gaussian", "model.learn_sigma=true", "model.l2=0.1", "model.l2_mode=decoupled"]
LADDER = ["model.prior_steps=6", "model.posterior_steps=5", "model.encode_steps=12", "training.batch=6"]
IMAGES = [*DIGITS, *LADDER, "model.latent=5", "model.prior=[8]", "model.generator=[6]"]
ADVERSARY = ["model.adversary=[16, 16]", "model.noise=4"]


def estimates(*texts: str) -> str:
    """Return the change that plans estimates, all of them computed in float64."""
    return f"evaluation.estimates={[text + ' precision=float64' for text in texts]}"


DISTANCE = "samples=40 draws=2 null_draws=20"
LATENT_ESTIMATES = estimates(
    "ais images=6 chains=2 temperatures=8 leapfrogs=2 bdmc=4",
    "iwae images=10 draws=20",
    "probe train_size=200",
    "rhat images=2 chains=2 draws=16 warmup=10 leapfrogs=2",
    f"energy {DISTANCE}",
    f"mmd {DISTANCE}",
    f"sliced-w2 {DISTANCE} projections=8",
    "frechet samples=150 draws=2 null_draws=20",  # fewer leave the covariances close to singular
    "pca images=40",
    "interpolation pairs=2 steps=3",
)
LADDER_ESTIMATES = estimates(
    "thermodynamic images=6 temperatures=3 draws=8 steps=8",
    "gradient-variance images=4 batches=2 repeats=2 temperatures=3 draws=8 steps=6",
)

# name → (preset, seeds, changes after SHORT): the digits presets, every kind, and other code of a kind's own
RUNS: dict[str, tuple[str, str, list[str]]] = {
    "vae-digits": ("vae-digits", "2", [LATENT_ESTIMATES, "evaluation.estimates_every=8"]),
    "lae-digits": ("lae-digits", "2", []),
    "avb-digits": ("avb-digits", "2", [estimates("probe train_size=200 variant=seed")]),
    "lebm-digits": ("lebm-digits", "2", [*LADDER, LADDER_ESTIMATES]),
    "ae-gmm": ("ae-gmm-digits", "2", ["model.components=[2, 3]", "model.fit_codes=300"]),
    "ae-gmm-bic": ("ae-gmm-digits", "1", ["model.components=[2, 3]", "model.choice=bic", "model.error=sse"]),
    "avb-added": ("avb-edward-bits8", "2", [*NARROW, "model.adversary=[16]", "data.codes=20"]),
    "avb-contrast": ("avb-ac-mnist", "2", [*DIGITS, *NARROW, *ADVERSARY, "model.noise_net=[8]"]),
    "avb-every-layer": ("avb-8d-mnist", "2", [*DIGITS, *NARROW, *ADVERSARY]),
    "avb-inner-product": ("avb-onehot4", "2", [*NARROW, *ADVERSARY, "model.adversary_form=inner-product"]),
    "binary-concrete": ("vae-binary-digits", "2", ["model.estimator=concrete", "model.tau_rate=0.01"]),
    "binary-disarm": ("vae-binary-digits", "2", ["model.estimator=disarm"]),
    "binary-rloo": ("vae-binary-digits", "2", []),
    "binary-straight-through": ("vae-binary-digits", "2", ["model.estimator=straight-through"]),
    "binary-vimco": ("vae-binary-digits", "2", ["model.estimator=vimco"]),
    "classifier": ("clf-digits", "2", ATTACK),
    "classifier-augmented": ("robust-vae-mnist", "2", AUGMENTED),
    "classifier-cnn": ("robust-none-mnist", "1", CNN),
    "ddpm": ("ddpm-moons", "2", [*MOONS, "model.net=[16]", "model.steps=70"]),
    "dlgm": ("dlgm-mnist", "2", [*DIGITS, *NARROW]),
    "dsm": ("dsm-moons", "2", [*MOONS, "model.net=[16]", "model.levels=4", "model.chain_steps=5"]),
    "image-lebm": ("lebm-svhn", "1", ["model.kind=image-lebm", *IMAGES]),
    "lae-course": ("lae-course-mnist", "2", COURSE),
    "lae-paper": ("lae-paper-mnist", "2", [*DIGITS, *NARROW]),
    "lebm-moons": ("lebm-moons", "2", [*MOONS, *LADDER]),
    "lebm-power": ("lebm-digits", "2", [*LADDER, "model.objective=power", "model.temperatures=3"]),
    "lebm-ti-full": ("lebm-ti-moons", "2", [*MOONS, *LADDER, "model.temperatures=3", "model.exchange=2"]),
    "vae-2d": ("vae-2d-mnist", "2", [*DIGITS, *NARROW]),
    "vae-diverged": ("vae-digits", "2", DIVERGES),
    "vae-flow": ("vae-flow-mnist", "2", [*DIGITS, *NARROW]),
    "vae-patience": ("vae-digits", "2", PATIENCE),
    "vae-sigma": ("vae-digits", "2", SIGMA),
    "vae-square": ("bvae-square", "2", [estimates("quadrature images=10 points=40"), "data.binarise=none"]),
}
NEEDS = {"classifier-augmented": "vae-2d"}  # a run that must be in the same store
DATA = {"classifier-cnn": "MNIST"}  # a folder in WORKBENCH_DATA_DIR

# settings that 0.1.0 leaves out of the hash only while they have their default
CHANGED = {
    "vae-digits": [
        "data.validation_size=100",
        "data.validation_size=100 training.patience=5",
        "training.min_delta=0.1",
        'evaluation.estimates=["probe"]',
        'evaluation.estimates=["probe"] evaluation.estimates_every=9',
        "model.layer_norm=true",
    ],
    "lae-digits": ["model.energy=likelihood", "model.noise=course model.adapt_step=false"],
    "avb-digits": ["model.adversary_form=inner-product", "model.adversary_features=7"],
    "lebm-digits": [
        *("model.objective=power", "model.temperatures=4", "model.power=2.0", "model.draws=16"),
        "model.exchange=3",
    ],
}


def group_hashes() -> dict[str, dict[str, str]]:
    """Return the group hashes of the shipped presets, of the shipped studies' runs, and of `CHANGED`."""
    from workbench.api.presets import list_presets, resolve
    from workbench.api.studies import list_studies, study_specs

    presets = [preset for preset in list_presets() if preset.source == "built-in"]
    shipped = {preset.path.parent / "studies" for preset in presets}
    studies = [study for study in list_studies() if study.path.parent in shipped]
    return {
        "presets": {preset.name: resolve(preset).group_hash() for preset in presets},
        "studies": {
            f"{study.name}: {spec.name}": spec.group_hash()
            for study in studies
            for _, spec in study_specs(study)
        },
        "changed": {
            f"{preset}: {changes}": resolve(preset, changes.split(" ")).group_hash()
            for preset, variants in CHANGED.items()
            for changes in variants
        },
    }


def missing_data(name: str) -> str:
    """Return why the run cannot be trained here, or an empty string."""
    needed = DATA.get(name)
    if needed is None or (Path(os.environ.get("WORKBENCH_DATA_DIR", "absent")) / needed).is_dir():
        return ""
    return f"WORKBENCH_DATA_DIR holds no {needed}"


def train(store: Path, name: str, worker: Callable[[Path], None]) -> Path:
    """Write the run's folder in `store`, have `worker` train it, and return the folder."""
    from workbench.api.presets import resolve

    folder = store / name
    if folder.exists():
        return folder
    if name in NEEDS:
        train(store, NEEDS[name], worker)
    preset, seeds, changes = RUNS[name]
    spec = resolve(preset, [*SHORT.split(), *changes], seeds)
    folder.mkdir(parents=True)
    (folder / "spec.toml").write_text(tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True)))
    origin = {"schema": 1, "created": time.time(), "preset": preset, "group": spec.group_hash()}
    (folder / "origin.json").write_text(json.dumps(origin))
    (folder / "environment.json").write_text("{}")  # so that the worker need not list all packages
    worker(folder)
    return folder


def numbers(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all numbers of a trained run that do not depend on the clock: section → label → values."""
    result = json.loads((folder / "result.json").read_text())
    result["metrics"].pop("training_seconds", None)
    spec = tomllib.loads((folder / "spec.toml").read_text())
    kept = ("outcome", "step", "seeds", "diverged", "diverged_tensor")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds", None)
    found = sorted((folder / "evaluations").glob("*.json"))
    return {
        "outcome": {"kind": spec["model"]["kind"], **{key: result[key] for key in kept if key in result}},
        "metrics": result["metrics"],
        "curves": {f"{n} {row.pop('split')} {row.pop('step')}": row for n, row in enumerate(rows)},
        "estimates": {path.stem: json.loads(path.read_text())["metrics"] for path in found},
    }


def in_a_process(folder: Path) -> None:
    """Train in a process of its own, as the scheduler does; its output goes to worker.log."""
    with (folder / "worker.log").open("w") as log:
        if start("workbench.engine.worker", str(folder), "1", cwd=folder, stdout=log, stderr=log).returncode:
            raise RuntimeError((folder / "worker.log").read_text())


def start(module: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m module` to its end, with the package that this process has."""
    import workbench

    environment = {**os.environ, "PYTHONPATH": str(Path(workbench.__file__).parents[1])}
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, **options)


def arrays(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return type, shape and checksum of every array that a run has written."""
    return {
        f"{path.relative_to(folder)}: {name}": (
            str(array.dtype),
            str(array.shape),
            sha256(array.tobytes()).hexdigest(),
        )
        for path in sorted(folder.glob("*/*.npz"))
        for name, array in np.load(path).items()
    }


def exports(store: Path) -> dict[str, list[str]]:
    """Return the lines of a store's tables in every format, as the command prints them."""
    found = {}
    for form in FORMATS:
        for rows in ([], ["--each"]):
            words = ("--store", str(store), "export", "all", "--format", form, *rows)
            done = start("workbench", *words, cwd=store, check=True, stdout=subprocess.PIPE)
            found[" ".join([form, *rows])] = done.stdout.decode().splitlines()
    return found


def measure_all(folder: Path) -> None:
    """Measure everything in fresh processes; each result is a JSON file in a new `folder`."""
    folder.mkdir(parents=True)
    (folder / "hashes.json").write_text(json.dumps(group_hashes()))
    for store in sorted(HERE.glob("store-*")):
        copy = shutil.copytree(store / "runs", folder / store.name)  # opening it builds its index
        (folder / f"{store.name}.json").write_text(json.dumps(exports(copy)))
    for name in RUNS:
        if reason := missing_data(name):
            print(f"{name} is left out: {reason}", file=sys.stderr)
            continue
        run = train(folder / "runs", name, in_a_process)
        spec = tomllib.loads((run / "spec.toml").read_text())
        found = {"spec": spec, **numbers(run), "arrays": arrays(run)}
        (folder / f"{name}.json").write_text(json.dumps(found))


def as_lines(sections: dict[str, dict[str, Any]]) -> str:
    """Return JSON with one line per label, so that a difference can be read."""
    blocks = []
    for section, entries in sections.items():
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items())
        blocks.append(
            f" {json.dumps(section)}: {{\n{lines}\n }}" if lines else f" {json.dumps(section)}: {{}}"
        )
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def record(store: Path) -> None:
    """Add to `RECORDED` what is not there yet, training in `store`."""
    path = RECORDED / "hashes.json"
    path.parent.mkdir(exist_ok=True)
    before = json.loads(path.read_text()) if path.exists() else {}
    found = {section: {**new, **before.get(section, {})} for section, new in group_hashes().items()}
    path.write_text(as_lines(found))
    for name in RUNS:
        path = RECORDED / f"{name}.json"
        if not path.exists() and not missing_data(name):
            path.write_text(as_lines(numbers(train(store, name, in_a_process))))
            print(path.relative_to(HERE))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure_all(Path(sys.argv[1]).absolute())
    else:
        import tempfile

        with tempfile.TemporaryDirectory() as place:
            record(Path(place))
