"""Made-up stores for tests that need runs to look at: folders as docs/store.md describes, no training."""

import json
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tomli_w

from workbench.api.live import LiveRun
from workbench.spec.schema import RunSpec
from workbench.store.files import write_json
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.run_row import RunRow
from workbench.store.state import RunState, State, write_state

RUN = "20261121-142530-vae-digits-k3f9"
SPECS = {
    "vae": '[model]\nkind = "vae"\nlatent = 8\n[data]\nname = "digits"\n[training]\niterations = 1820',
    "lae": '[model]\nkind = "lae"\n[data]\nname = "digits"\n[training]\niterations = 1180',
    "avb": '[model]\nkind = "avb"\nlatent = 8\n[data]\nname = "digits"\n[training]\niterations = 745',
    "lebm": '[model]\nkind = "lebm"\nlatent = 8\n[data]\nname = "digits"\n[training]\niterations = 301',
    "image-lebm": '[model]\nkind = "image-lebm"\n[data]\nname = "digits"\n[training]\niterations = 300',
    "classifier": '[model]\nkind = "classifier"\n[data]\nname = "digits"\n[training]\niterations = 1500',
    "ddpm": '[model]\nkind = "ddpm"\n[data]\nname = "moons"\n[training]\niterations = 300',
}


def row(id: str, **changes: Any) -> RunRow:
    """Return the list's row of a finished VAE on the digits, or as `changes` say."""
    return RunRow(**{"id": id, "name": id, "kind": "vae", "data": "digits", "state": "finished", **changes})


def make_store(root: Path) -> Path:
    """Create an empty store at `root`."""
    paths = StorePaths(root)
    paths.hidden.mkdir(parents=True)
    write_json(paths.marker, {"schema": 1})
    return root


def make_run(
    root: Path,
    run_id: str = RUN,
    *,
    kind: str = "vae",
    state: State = "finished",
    seeds: tuple[int, ...] = (0, 1, 2),
    points: int = 200,
    study: str = "",
    created: float = 1_795_271_130.0,
    spec: RunSpec | None = None,
    preset: str = "",
) -> RunPaths:
    """Write one run folder in `state`, with curves, samples, latents and, if finished, a result.

    `spec` (of family `kind`, without its seeds) and `preset` replace the short ones of `SPECS`.
    """
    paths = RunPaths(root / run_id)
    for folder in (paths.samples, paths.latents, paths.control, paths.attempt(1).root):
        folder.mkdir(parents=True)
    if spec is None:
        spec = RunSpec.model_validate(tomllib.loads(f'name = "{kind}-digits"\n{SPECS[kind]}'))
    spec = spec.model_copy(update={"seeds": list(seeds)})
    paths.spec.write_text(tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True)))
    origin = {
        "schema": 1,
        "created": created,
        "preset": preset or f"{kind}-digits",
        "overrides": [],
        "command": [],
    }
    ids = {"study": study, "study_id": f"{study}-1" if study else "", "group": spec.group_hash()}
    write_json(paths.origin, origin | ids)
    if state == "queued":
        return paths
    total = spec.training.iterations or 1
    step = total if state == "finished" else total // 2
    ended = created + 10 if state in {"finished", "failed", "cancelled"} else None
    times = {"queued": created, "started": created + 1, "ended": ended}
    write_state(paths, RunState(state, attempt=1, tries=1, device="cpu", **times))
    progress = {"phase": "training", "step": step, "total": total, "seconds": 4.0, "steps_per_second": 220.0}
    write_json(paths.progress, {"schema": 1, **progress, "time": time.time()})  # recent
    paths.metrics.write_text("".join(_rows(kind, seeds, points, step)))
    _artefacts(paths, seeds, step)
    paths.log.write_text("loading torch\ntraining\n")
    if state == "finished":
        means = {"test_mse": 0.027, "knn_accuracy": 0.93, "energy_distance": 0.4, "training_seconds": 8.0}
        metrics = {
            name: {"values": [value + 0.1 * k for k in range(len(seeds))], "se": [0.2] * len(seeds), "n": 360}
            for name, value in means.items()
        }
        result = {"schema": 1, "outcome": state, "seeds": list(seeds), "step": step, "seconds": 8.0}
        more = {"finished": created + 10, "device": "cpu", "diverged": {}, "metrics": metrics}
        write_json(paths.result, result | more)
    return paths


def append_row(paths: RunPaths, step: float, split: str = "train", **values: Any) -> None:
    """Append one row to a run's metrics, ten steps an epoch and five a second."""
    row = {"step": step, "epoch": step / 10, "seconds": step / 5, "split": split, "values": values}
    with paths.metrics.open("a") as file:
        file.write(json.dumps(row) + "\n")


def record_evaluation(paths: RunPaths, name: str = "ais", **changes: Any) -> None:
    """Write an evaluation of a run's three seeds."""
    body = {"schema": 1, "metric": "ais", "settings": {"chains": 8}, "seeds": [0, 1, 2], "step": 9}
    metrics = {"ais": {"values": [-90.0, -91.0, -92.0], "se": [0.5] * 3, "n": 500}}
    paths.evaluations.mkdir(exist_ok=True)
    text = json.dumps({**body, "metrics": metrics, **changes})  # infinities too
    (paths.evaluations / f"{name}.json").write_text(text)


def only_snapshot(folder: Path, step: int, **arrays: Any) -> None:
    """Replace a run's samples or latents by those of one step; without arrays leave none."""
    for file in folder.iterdir():
        file.unlink()
    if arrays:
        np.savez(folder / f"{step}.npz", **arrays)


def live_run(root: Path, run_id: str = RUN) -> LiveRun:
    """Return a run, looked at once."""
    live = LiveRun(SimpleNamespace(root=root), run_id)
    live.poll()
    return live


def _rows(kind: str, seeds: tuple[int, ...], points: int, last: int) -> list[str]:
    """Falling losses for train and test, and a chain's acceptance for the LAE."""
    rows = []
    rng = np.random.default_rng(0)
    for k in range(1, points + 1):
        step = max(1, last * k // points)
        values = {"loss": [25 + 30 * float(np.exp(-5 * k / points)) + float(rng.normal()) for _ in seeds]}
        if kind == "lae":
            values["acceptance"] = [0.574 + 0.1 * float(rng.normal()) for _ in seeds]
            values["step_size"] = [1e-4 * float(np.exp(-3 * k / points)) for _ in seeds]
        row = {"step": step, "epoch": step / 14, "seconds": step / 220, "split": "train", "values": values}
        rows.append(json.dumps(row) + "\n")
        if k % 10 == 0:
            test = {**row, "split": "test", "values": {"loss": [v + 1 for v in values["loss"]]}}
            rows.append(json.dumps(test) + "\n")
    return rows


def _artefacts(paths: RunPaths, seeds: tuple[int, ...], step: int) -> None:
    """One set of 8×8 sample pictures and of 2-d latents in ten classes."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (len(seeds), 16, 8, 8), dtype=np.uint8)
    np.savez(paths.samples / f"{step}.npz", images=images, data=images[0])
    labels = rng.integers(0, 10, 500)
    z = rng.normal(size=(len(seeds), 500, 2)).astype(np.float32) + np.stack(
        [3 * np.cos(labels * 0.628), 3 * np.sin(labels * 0.628)], -1
    ).astype(np.float32)
    np.savez(paths.latents / f"{step}.npz", z=z, labels=labels)
