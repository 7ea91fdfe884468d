"""A finished run's weights in another run: as a frozen model of its own, or as the start of training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.engine import checkpoint
from workbench.engine.averaging import Average, evaluated_weights
from workbench.engine.data.batch import DataInfo
from workbench.engine.model import LatentModel
from workbench.engine.process import log
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.spec.resolve import parse_spec
from workbench.spec.schema import RunSpec
from workbench.store.files import write_json
from workbench.store.finished import find_finished
from workbench.store.json_fields import read_table, table
from workbench.store.paths import RunPaths, StorePaths

SHOWN = 8  # names of parameters in a line of the log


@dataclass(frozen=True)
class Source:
    """A finished run: its spec, the seed whose member each seed of the new run gets, and their state."""

    spec: RunSpec
    seeds: list[int]
    step: int
    state: dict[str, Tensor]  # of the model, members in the order of `seeds`


def read_source(run: RunPaths, seeds: tuple[int, ...], key: str) -> Source:
    """Return the run's last checkpoint, one member for each of `seeds`; `key` is the setting that names it.

    The seed trained in both runs is taken where there is one, else the run's seeds in turn: so a
    member gets the same weights whatever its neighbours are.

    Raises:
        WorkbenchError: if the checkpoint is gone, or a seed that is needed diverged.
    """
    spec = parse_spec(run.spec.read_text(encoding="utf-8"), f"{run.id}/spec.toml")
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
            raise WorkbenchError(f"Seed {seed} of run {run.id} diverged.", f"Choose another run in {key}.")
    state = {name: value[rows] if value.dim() > 0 else value for name, value in found.state["model"].items()}
    return Source(spec, [spec.seeds[row] for row in rows], found.step, state)


def load_frozen(
    run: RunPaths, data: DataInfo, seeds: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> LatentModel:
    """Return the run's model as of its last checkpoint, one member for each of `seeds`, as `read_source`.

    Raises:
        WorkbenchError: as `read_source`; if the run's data differ in more than binarisation, or its family
            has no reconstructions.
    """
    source = read_source(run, seeds, "model.augment_from")
    if source.spec.data.identity != data.identity:
        raise WorkbenchError(
            f"Run {run.id} was trained on {source.spec.data.name}, and this one trains on {data.name}.",
            "Choose a run on the same data in model.augment_from.",
            USAGE,
        )
    if not (source.spec.model.has_samples and source.spec.model.has_latents):
        raise WorkbenchError(
            f"Run {run.id} ({source.spec.model.kind}) has no reconstructions to train on.",
            "Choose a run of an autoencoder in model.augment_from.",
            USAGE,
        )
    model = build_model(source.spec, data, Streams(source.seeds, device, dtype))
    model.load_state_dict(source.state)
    model.exchange_weights()
    return model.requires_grad_(False).eval()


def start_from(model: LatentModel, spec: RunSpec, own: RunPaths) -> None:
    """Copy the evaluated weights of the run `training.init_from` into `model`, by name and shape.

    `initial.json` and the log list what was loaded, and what was not. Without the setting nothing happens.

    Raises:
        WorkbenchError: as `find_finished` and `read_source`, and if nothing fits.
    """
    key = "training.init_from"
    if not spec.training.init_from:
        return
    run = find_finished(spec.training.init_from, StorePaths(own.root.parent), key, own)
    source = read_source(run, tuple(spec.seeds), key)
    theirs = evaluated_weights(source.state)
    given = model.adopted(theirs)
    parameters = dict(model.named_parameters())
    loaded = [name for name, own in parameters.items() if name in given and given[name].shape == own.shape]
    if not loaded:
        raise WorkbenchError(
            f"Cannot start from run {run.id} ({source.spec.model.kind}): no parameter has the name and "
            "shape of one of this model.",
            f"Choose a run with the same layers in {key}.",
        )
    with torch.no_grad():
        for name in loaded:
            parameters[name].copy_(given[name])
    if model.average is not None:
        model.average = Average(model, model.average.decay)
    fresh = [name for name in parameters if name not in loaded]
    report = {
        "schema": 1,
        "run": run.id,
        "step": source.step,
        "seeds": dict(zip(map(str, spec.seeds), source.seeds, strict=True)),
        "loaded": loaded,
        "not_loaded": fresh,
    }
    if own.root.is_dir():
        write_json(own.initial, report)
    log(f"starting from step {source.step} of {run.id}: {len(loaded)} of {len(parameters)} parameters loaded")
    for what, names in (("loaded", loaded), ("not loaded", fresh)):
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        log(f"{what}: {', '.join(names[:SHOWN]) or 'none'}{more}")
