"""A finished run's model as a frozen part of another run: which run is meant, and loading its weights."""

from __future__ import annotations

import torch

from workbench.engine import checkpoint
from workbench.engine.data.batch import DataInfo
from workbench.engine.model import LatentModel
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.spec.resolve import parse_spec
from workbench.store.json_fields import number, read_table, table
from workbench.store.paths import RUN_ID, RunPaths, StorePaths


def find_run(text: str, own: RunPaths) -> RunPaths:
    """Return the finished run that `text` names in the store of `own`: by its id, or by preset or name.

    Of several runs of a preset it is the newest that was finished when `own` was submitted; if none
    was, the first to finish since. So a resumed run finds the one that it started with.

    Raises:
        WorkbenchError: if there is none (exit code NOT_FOUND).
    """
    store = StorePaths(own.root.parent)
    if RUN_ID.match(text) and _finished(named := store.run(text)) is not None:
        return named
    submitted = number(read_table(own.origin).get("created")) or 0.0
    found: list[tuple[float, RunPaths]] = []
    for folder in sorted(store.root.iterdir()):
        if not RUN_ID.match(folder.name) or folder == own.root:
            continue
        run = RunPaths(folder)
        origin = read_table(run.origin)
        if (
            text in (origin.get("preset"), table(origin.get("brief")).get("name"))
            and (ended := _finished(run)) is not None
        ):
            found.append((ended, run))
    before = [(ended, run) for ended, run in found if ended <= submitted]
    if not found:
        raise WorkbenchError(
            f"There is no finished run '{text}' to augment from in this store.",
            f"Finish one first (`workbench run {text}`), or name another in model.augment_from.",
            NOT_FOUND,
        )
    chosen = max(before, key=lambda pair: pair[0]) if before else min(found, key=lambda pair: pair[0])
    return chosen[1]


def _finished(run: RunPaths) -> float | None:
    """Return when the run finished; None if it has not, or has diverged."""
    result = read_table(run.result)
    return (number(result.get("finished")) or 0.0) if result.get("outcome") == "finished" else None


def load_frozen(
    run: RunPaths, data: DataInfo, seeds: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> LatentModel:
    """Return the run's model as of its last checkpoint, one member for each of `seeds`.

    The seed trained in both runs is taken where there is one, else the run's seeds in turn: so a
    member gets the same generator whatever its neighbours are.

    Raises:
        WorkbenchError: if the run's data differ in more than binarisation, its family has no
            reconstructions, its checkpoint is gone, or a seed that is needed diverged.
    """
    spec = parse_spec(run.spec.read_text(encoding="utf-8"), f"{run.id}/spec.toml")
    if spec.data.name != data.name:
        raise WorkbenchError(
            f"Run {run.id} was trained on {spec.data.name}, and this one trains on {data.name}.",
            "Choose a run on the same data in model.augment_from.",
            USAGE,
        )
    if not (spec.model.has_samples and spec.model.has_latents):
        raise WorkbenchError(
            f"Run {run.id} ({spec.model.kind}) has no reconstructions to train on.",
            "Choose a run of an autoencoder in model.augment_from.",
            USAGE,
        )
    found = checkpoint.load_newest(run)
    if found is None:
        raise WorkbenchError(
            f"Run {run.id} has no usable checkpoint.",
            f"Run it again (`workbench run {run.id.split('-', 2)[-1]}`).",
            NOT_FOUND,
        )
    rows = [spec.seeds.index(s) if s in spec.seeds else s % len(spec.seeds) for s in seeds]
    diverged = table(read_table(run.result).get("diverged"))
    for seed in (spec.seeds[row] for row in rows):
        if str(seed) in diverged:
            raise WorkbenchError(
                f"Seed {seed} of run {run.id} diverged.", "Choose another run in model.augment_from.", USAGE
            )
    streams = Streams([spec.seeds[row] for row in rows], device, dtype)
    model = build_model(spec, data, streams)
    state = {name: value[rows] if value.dim() > 0 else value for name, value in found.state["model"].items()}
    model.load_state_dict(state)
    return model.requires_grad_(False).eval()
