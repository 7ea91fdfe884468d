"""Draws of latents for pictures: the base distribution, the prior, the aggregated posterior, and chains."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.models.lebm import LEBM
from workbench.engine.samplers.langevin import last
from workbench.engine.streams import Streams

CHUNK = 500


def densities(task: Task) -> Findings:
    """Draws of N(0, I), of the prior p(z), and of p(z|x) or q(z|x), one for each of some test examples.

    Raises:
        WorkbenchError: if the family has no prior to draw from, or no posterior.
    """
    model, streams = task.model, task.streams
    if not isinstance(model, DecoderModel) or not model.continuous:
        raise task.refuse("This family has no prior over real-valued latents to draw from.")
    posterior = []
    with torch.no_grad():
        for batch in task.data.chunks("test", streams, CHUNK, task.settings.draws):
            drawn = posterior_draws(model, batch.x, streams)
            if drawn is None:
                raise task.refuse("This family has no posterior to draw from.")
            posterior.append(drawn)
        count = sum(part.shape[1] for part in posterior)
        found = {
            "base": streams.normal("base", count, model.latent),
            "prior": model.prior_draws(count, streams, "prior"),
            "posterior": torch.cat(posterior, 1),
        }
    task.on_progress(1.0)
    return Findings(arrays={name: z.float().cpu().numpy() for name, z in found.items()})


def posterior_draws(model: LatentModel, x: Tensor, streams: Streams) -> Tensor | None:
    """Return a draw z [S, B, d] of p(z|x) or q(z|x) for each of x [S, B, D], or None if there is none.

    Of an LEBM it is the end of a chain from N(0, I), as long as the one that encodes held-out data.
    """
    if isinstance(model, LEBM):
        start = streams.normal("posterior start", x.shape[1], model.latent)
        return last(model.posterior_chain(x, start, streams, model.settings.encode_steps))
    drawn = model.encoder_draws(x, 1, streams)
    if drawn is not None:
        return drawn[0]
    found = model.proposal(x, streams)
    if found is None:
        return None
    mean, std = found
    return mean + std * streams.normal("posterior", *mean.shape[1:])


def traces(task: Task) -> Findings:
    """States of an LEBM's prior chains and posterior chains at every step, the start included.

    Arrays `prior` and `posterior` [S, T + 1, C, d], and their −log density short of a constant,
    `prior_energy` and `posterior_energy` [S, T + 1, C] in nats. A posterior chain has an example of its own.

    Raises:
        WorkbenchError: for another family, or an LEBM with f = 0.
    """
    model, streams, settings = task.model, task.streams, task.settings
    if not isinstance(model, LEBM) or model.prior is None:
        raise task.refuse("Traces need an energy-based prior with its chains: an LEBM.")
    steps = settings.steps or max(model.settings.prior_steps, model.settings.encode_steps)
    x = next(task.data.chunks("test", streams, settings.chains, settings.chains)).x
    start = streams.normal("start", x.shape[1], model.latent)
    with torch.no_grad():
        prior = _kept(start, model.prior_states(start, streams, steps))
        posterior = _kept(start, model.posterior_chain(x, start, streams, steps))
        task.on_progress(0.9)
        found = {
            "prior": prior,
            "posterior": posterior,
            "prior_energy": torch.stack([model.prior_energy(z) for z in prior.unbind(1)], 1),
            "posterior_energy": torch.stack([-model.log_joint(x, z) for z in posterior.unbind(1)], 1),
        }
    task.on_progress(1.0)
    return Findings(arrays={name: z.float().cpu().numpy() for name, z in found.items()})


def _kept(start: Tensor, states: Iterable[Tensor]) -> Tensor:
    """Return all states [S, T + 1, C, d] of chains; a chain may reuse the memory of its state."""
    return torch.stack([start, *(state.clone() for state in states)], 1)
