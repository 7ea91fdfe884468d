"""After a divergence: repeat training from a sound checkpoint, and name the first non-finite tensor.

The repetition runs plain up to a few steps before the first bad one, then watches every output of a
layer, every gradient, and every weight and state after its update, in the order in which they come about.
Something infinite may be harmless (an overflowing proposal of a chain is just rejected), so what a step
produced counts only if that step also leaves a gradient, a weight, a state or the loss not finite.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine import checkpoint
from workbench.engine.data import DataSet
from workbench.engine.model import LatentModel
from workbench.engine.optim import Optimiser
from workbench.engine.pretrained import start_from
from workbench.engine.recorder import Recorder
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

WATCHED = 50  # steps before the bad one that are looked at closely, which costs a wait for the device each
LIMIT_SECONDS = 120.0
LIMIT_STEPS = 100_000


def first_bad_tensor(
    paths: RunPaths,
    spec: RunSpec,
    data: DataSet,
    diverged: dict[int, int],
    stop: Callable[[], bool] = lambda: False,
    *,
    seconds: float = LIMIT_SECONDS,
) -> str:
    """Return the first non-finite tensor, such as "gradient of decoder.2.weight at step 341 (seed 0)".

    `diverged` maps seeds to their first bad steps. Of the seeds that are still sound in a checkpoint, the
    one that went first is followed; without such a checkpoint training is repeated from its start. Empty
    if that takes more than `seconds`, if the repetition goes well (a GPU need not repeat itself bit for
    bit), or if `stop` returns true. Nothing is written into the run's folder.
    """
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="workbench-replay-") as folder:
        streams = Streams(spec.seeds, data.device, data.dtype)
        model = build_model(spec, data.info, streams)
        model.fetch(paths)
        found, sound = _newest_sound(paths, spec, diverged)
        if found is None:
            start_from(model, spec, paths)
        trainer = Trainer(spec, model, data, streams, Recorder(RunPaths(Path(folder))))
        seed = min(sound, key=lambda one: diverged[one])
        if found is not None:
            trainer.load_state_dict(found.state)
        trainer.recorder.open(0)
        try:
            member, last = spec.seeds.index(seed), diverged[seed]
            while trainer.step < last:
                if time.monotonic() > until or trainer.step >= LIMIT_STEPS or stop():
                    return ""
                if trainer.step < last - WATCHED:
                    trainer.repeat_step()
                elif name := watched_step(trainer, member):
                    return f"{name} at step {trainer.step} (seed {seed})"
        finally:
            trainer.recorder.close()
    return ""


def _newest_sound(
    paths: RunPaths, spec: RunSpec, diverged: dict[int, int]
) -> tuple[checkpoint.Checkpoint | None, list[int]]:
    """Return the newest checkpoint in which diverged seeds are sound, and these; without one, all of them."""
    for found in checkpoint.load_all(paths):
        sound = [seed for seed in diverged if _sound(found, spec.seeds.index(seed), diverged[seed])]
        if sound:
            return found, sound
    return None, list(diverged)


def _sound(found: checkpoint.Checkpoint, member: int, first_bad: int) -> bool:
    """Whether everything of `member` in the checkpoint is finite, and its first bad step still to come."""
    tensors: dict[str, Tensor] = found.state["model"]
    return found.step < first_bad and all(bool(_finite(value, member)) for value in tensors.values())


def _finite(value: Tensor, member: int) -> Tensor:
    """Return whether the member's part of [S, …] is finite, as a tensor on its device."""
    return torch.isfinite(value.detach()[member]).all()


def watched_step(trainer: Trainer, member: int) -> str:
    """Do one step; return the first thing in it that was not finite, if it did harm, or an empty string."""
    model = trainer.model
    seen: list[tuple[str, Tensor]] = [
        (f"{name} (before the update)", _finite(value, member)) for name, value in _states(model)
    ]
    harmful = len(seen)
    with _watching(model, member, seen):
        trainer.repeat_step()
    outputs = len(seen)
    # in time the loss lies between the layers' outputs and their gradients
    gradients = [place for place, (name, _) in enumerate(seen) if name.startswith("gradient")]
    seen.insert(gradients[0] if gradients else outputs, ("loss", trainer.first_bad[member] == 0))
    outputs += 1
    seen += [(f"{name} (after the update)", _finite(value, member)) for name, value in _states(model)]
    fine = torch.stack([flag.cpu() for _, flag in seen]).tolist()
    grave = [
        ok
        for place, ((name, _), ok) in enumerate(zip(seen, fine, strict=True))
        if place < harmful or place >= outputs or name == "loss" or name.startswith("gradient")
    ]
    if all(grave):
        return ""
    return seen[fine.index(False)][0]


def _states(model: LatentModel) -> Iterator[tuple[str, Tensor]]:
    """Yield weights and states by name, those that lead with the members and can be infinite."""
    for name, value in model.state_dict(keep_vars=True).items():
        if value.is_floating_point() and value.dim() > 0 and value.shape[0] == model.members:
            yield name, value


@contextmanager
def _watching(model: LatentModel, member: int, seen: list[tuple[str, Tensor]]) -> Iterator[None]:
    """Append to `seen` what each layer gives and each gradient is, as they come about."""
    handles = []

    def output_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.dim() > 0 and output.shape[0] == model.members:
                seen.append((f"output of {name}", _finite(output, member)))

        return hook

    def gradient_of(name: str) -> Callable[[Tensor], None]:
        def hook(parameter: Tensor) -> None:
            if parameter.grad is not None:
                seen.append((f"gradient of {name}", _finite(parameter.grad, member)))

        return hook

    for name, module in model.named_modules():
        if name and not list(module.children()):
            handles.append(module.register_forward_hook(output_of(name)))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        handles.append(parameter.register_post_accumulate_grad_hook(gradient_of(names[id(parameter)])))
    for optimiser in model.optimisers.values():  # some families fill `grad` by hand

        def step(optimiser: Optimiser = optimiser, update: Callable[[], None] = optimiser.step) -> None:
            for group in optimiser.param_groups:
                for parameter in reversed(group["params"]):  # from the last layer to the first
                    gradient_of(names.get(id(parameter), "a weight"))(parameter)
            update()

        optimiser.step = step  # type: ignore[method-assign]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for optimiser in model.optimisers.values():
            del optimiser.step  # the method of its class again
