"""log p(x) of a trained model by IWAE-k and quadrature, and what all estimates of it share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.engine.evaluation.ais import Plan, log_normaliser
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.evaluation.importance import POOR_PROPOSAL, choose_proposal, importance_weighted, poor
from workbench.engine.evaluation.quadrature import log_px, log_z
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel

LOG_Z_CHAINS = 1000  # of the AIS estimate of a prior's log Z
LOG_Z_EXAMPLES = 8  # independent ones of it, whose spread is its error
LOG_Z_TEMPERATURES = 200


def iwae(task: Task) -> Findings:
    """Importance-weighted bound (Burda et al. 2016, eq. 8), by the model's own or a fitted proposal.

    Raises:
        WorkbenchError: if the model has no normalised log p(x, z), or no proposal.
    """
    needs_density(task)
    if not task.model.normalised:
        raise task.refuse("IWAE needs a normalised prior, and this family's is not.", "Try --metric ais.")
    parts, done = [], 0
    draws = task.settings.draws
    with torch.no_grad():
        for batch in task.data.chunks("test", task.streams, 100, task.settings.images):
            proposal = choose_proposal(task.model, batch.x, task.streams)
            if proposal is None:
                raise task.refuse("IWAE needs a proposal, and this family offers none.", "Try --metric ais.")
            parts.append(importance_weighted(task.model, batch.x, proposal, draws, task.streams))
            done += batch.x.shape[1]
            task.on_progress(done / images_of(task))
    bound, effective = (torch.cat(values, 1) for values in zip(*parts, strict=True))
    found = Findings()
    found.add("iwae", bound)
    found.add("iwae_effective", effective)
    if any(poor(value, draws) for value in effective.mean(1).tolist()):
        found.notes.append(POOR_PROPOSAL)
    add_grey_note(task, found)
    return found


def quadrature(task: Task) -> Findings:
    """log p(x) over an adaptive grid of one or two latent dimensions, exact to 1e-3 nats or with a note.

    Raises:
        WorkbenchError: if the model has no log p(x, z), or more latent dimensions.
    """
    needs_density(task)
    if task.model.latent > 2:
        raise task.refuse(
            f"Quadrature needs one or two latent dimensions, this model has {task.model.latent}.",
            "Try --metric ais.",
        )
    parts, done = [], 0
    found = Findings()
    with torch.no_grad():
        for batch in task.data.chunks("test", task.streams, 50, task.settings.images):
            parts.append(log_px(task.model, batch.x, task.settings.points))
            done += batch.x.shape[1]
            task.on_progress(done / images_of(task))
        values, errors = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        if not task.model.normalised:
            values = values - prior_log_z(task, found).unsqueeze(1)
    found.add("quadrature", values)
    _unsettled(found, values, errors)
    add_grey_note(task, found)
    return found


def _unsettled(found: Findings, values: Tensor, errors: Tensor) -> None:
    """Add to the standard errors of quadrature what its grids differ by, [S, n], and a note, if any do."""
    unsettled = int((errors > 0).sum())
    if unsettled == 0:
        return
    spread = torch.hypot(values.std(1) / values.shape[1] ** 0.5, errors.mean(1))
    found.metrics["quadrature"] = example_entry(values, entry(values.mean(1), spread, values.shape[1]))
    found.notes.append(
        f"Not exact: {unsettled} of {errors.numel()} integrals have not settled; two grids differ by up to "
        f"{float(errors.max()):.2g} nats. The error includes this."
    )


# ---- what they share


def needs_density(task: Task) -> None:
    """Check that a model has log p(x, z) over real-valued latents.

    Raises:
        WorkbenchError: if it has none.
    """
    model = task.model
    why = ""
    if model.latent == 0:
        why = "This family has no latents"
    elif not model.continuous:
        why = "This family's latents are not real numbers"
    else:
        with torch.no_grad():
            x = next(task.data.chunks("test", task.streams.fork("look"), 1)).x
            if model.log_joint(x, x.new_zeros(model.members, 1, model.latent)) is None:
                why = "This family has no log p(x, z)"
    if why:
        raise task.refuse(f"{why}, which log p(x) is estimated from.", "Choose another --metric.")


def images_of(task: Task) -> int:
    """Return how many test examples are measured."""
    return min(int(task.settings.images), task.data.info.test_size)


def log_joint_of(model: LatentModel, x: Tensor, chains: int) -> Callable[[Tensor], Tensor]:
    """Return log p(x, z) of states [S, B·C, d], the chains of one example side by side."""
    repeated = x.repeat_interleave(chains, 1)

    def log_joint(z: Tensor) -> Tensor:
        value = model.log_joint(repeated, z)
        assert value is not None, "checked before"
        return value

    return log_joint


def prior_log_z(task: Task, found: Findings) -> Tensor:
    """Return log Z [S] of an unnormalised prior: by quadrature in 1-d and 2-d, else estimated by AIS."""
    model, streams = task.model, task.streams.fork("log z")
    like = torch.zeros((), device=streams.device, dtype=streams.dtype)
    if model.log_prior(like.new_zeros(model.members, 1, model.latent)) is None:
        raise task.refuse("This family's log p(x, z) is not normalised, and its prior is not known.")
    if model.latent <= 2:
        with torch.no_grad():
            value, error = log_z(model, like)
        found.metrics["log_z"] = entry(value, error, 1)
        settled = bool((error == 0).all())
        doubt = "" if settled else f" It has not settled: it changes by {float(error.max()):.2g} nats."
        found.notes.append(f"log Z of the prior by quadrature.{doubt}")
        return value
    mean = like.new_zeros(model.members, LOG_Z_EXAMPLES, model.latent)
    plan = Plan(LOG_Z_CHAINS // LOG_Z_EXAMPLES, LOG_Z_TEMPERATURES, 5)

    def log_prior(z: Tensor) -> Tensor:
        value = model.log_prior(z)
        assert value is not None, "checked before"
        return value

    values = log_normaliser(log_prior, mean, torch.ones_like(mean), plan, streams, lambda share: None).log_z
    error = values.std(1) / LOG_Z_EXAMPLES**0.5
    found.metrics["log_z"] = entry(values.mean(1), error, LOG_Z_EXAMPLES)
    found.notes.append(
        "log Z of the prior is an AIS estimate, a lower bound in expectation: log p(x) is then an estimate, "
        "no bound."
    )
    return values.mean(1)


def add_grey_note(task: Task, found: Findings) -> None:
    """Add a note where values are of grey pixels under a Bernoulli likelihood."""
    likelihood = type(getattr(task.model, "likelihood", None)).__name__
    if task.data.info.kind == "grey" and likelihood == "Bernoulli":
        found.notes.append("Grey pixels under a Bernoulli likelihood: a cross-entropy, not a log-likelihood.")
