"""log p(x) of a trained model: AIS with its two-sided gap, IWAE-k, quadrature."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.engine.evaluation.ais import Estimate, Plan, both_sides, log_normaliser
from workbench.engine.evaluation.entry import entry, mean_entry
from workbench.engine.evaluation.importance import POOR_PROPOSAL, choose_proposal, importance_weighted, poor
from workbench.engine.evaluation.quadrature import log_px, log_z
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel

# Numbers in the widest layer of one gradient, all members together. On a CPU blocks that stay in its
# cache are 1.5 times as fast as large ones; a GPU wants large ones.
BLOCK_ELEMENTS = {"cpu": 320_000, "cuda": 2**26}
ASSUMED_WIDTH = 64
LOG_Z_CHAINS = 1000  # of the AIS estimate of a prior's log Z
LOG_Z_EXAMPLES = 8  # independent ones of it, whose spread is its error


def ais(task: Task) -> Findings:
    """Annealed importance sampling of log p(x) (Neal 2001), and BDMC on samples of the model if it has any.

    Raises:
        WorkbenchError: if the model has no log p(x, z), or no exact samples where `bdmc` asks for them.
    """
    model, settings = task.model, task.settings
    needs_density(task)
    plan = Plan(settings.chains, settings.temperatures, settings.leapfrogs, settings.schedule)
    simulated = _simulated(task)
    share = settings.images / (settings.images + 2 * (settings.bdmc if simulated else 0))
    parts: list[Estimate] = []
    done = 0
    for batch in task.data.chunks("test", task.streams, _examples(task, plan.chains), settings.images):
        x = batch.x
        progress = _part_of(task, share * done / settings.images, share * x.shape[1] / settings.images)
        target = log_joint_of(model, x, plan.chains)
        parts.append(log_normaliser(target, *_base(task, x), plan, task.streams, progress))
        done += x.shape[1]
    log_evidences = torch.cat([part.log_z for part in parts], 1)
    effective = torch.cat([part.effective for part in parts], 1)
    acceptance = torch.stack([part.acceptance for part in parts]).mean(0)
    found = Findings()
    if not model.normalised:
        log_evidences = log_evidences - _log_z(task, found).unsqueeze(1)
    found.add("ais", log_evidences)
    found.add("ais_effective", effective)
    found.metrics["ais_acceptance"] = entry(acceptance, None, log_evidences.shape[1] * plan.chains)
    _grey(task, found)
    if simulated is None:
        found.notes.append("No two-sided gap: the model has no exact samples.")
    elif settings.bdmc:
        _two_sided(task, plan, *simulated, found, share)
    return found


def _two_sided(task: Task, plan: Plan, x: Tensor, z: Tensor, found: Findings, share: float) -> None:
    """Add the lower and upper bound on samples of the model, and the gap that bounds the error of both."""
    lower, upper, done = [], [], 0
    for piece in torch.arange(x.shape[1], device=x.device).split(_examples(task, plan.chains)):
        before, size = done / x.shape[1], len(piece) / x.shape[1]
        progress = _part_of(task, share + (1 - share) * before, (1 - share) * size)
        own, streams = x[:, piece], task.streams.fork(f"bdmc/{done}")
        target = log_joint_of(task.model, own, plan.chains)
        sides = both_sides(target, *_base(task, own), z[:, piece], plan, streams, progress)
        lower.append(sides[0])
        upper.append(sides[1])
        done += len(piece)
    below, above = torch.cat(lower, 1), torch.cat(upper, 1)
    found.metrics["bdmc_gap"] = mean_entry(above - below)
    found.metrics["bdmc_lower"] = mean_entry(below)
    found.metrics["bdmc_upper"] = mean_entry(above)


def _simulated(task: Task) -> tuple[Tensor, Tensor] | None:
    """Return exact draws (x, z) of the model, or None; asking for a gap where there are none is an error."""
    settings = task.settings
    drawn = None
    if task.model.normalised:
        with torch.no_grad():
            drawn = task.model.joint_draws(max(1, settings.bdmc), task.streams.fork("joint"))
    if drawn is None and settings.bdmc and "bdmc" in settings.model_fields_set:
        raise task.refuse(
            "A two-sided (BDMC) gap needs exact samples of the model, and this family has none.",
            "Leave bdmc out, or set it to 0.",
        )
    return drawn


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
            task.on_progress(done / _images(task))
    bound, effective = (torch.cat(values, 1) for values in zip(*parts, strict=True))
    found = Findings()
    found.add("iwae", bound)
    found.add("iwae_effective", effective)
    if any(poor(value, draws) for value in effective.mean(1).tolist()):
        found.notes.append(POOR_PROPOSAL)
    _grey(task, found)
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
            task.on_progress(done / _images(task))
        values, errors = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        if not task.model.normalised:
            values = values - _log_z(task, found).unsqueeze(1)
    found.add("quadrature", values)
    _unsettled(found, values, errors)
    _grey(task, found)
    return found


def _unsettled(found: Findings, values: Tensor, errors: Tensor) -> None:
    """Add to the standard errors of quadrature what its grids differ by, [S, n], and a note, if any do."""
    unsettled = int((errors > 0).sum())
    if unsettled == 0:
        return
    spread = torch.hypot(values.std(1) / values.shape[1] ** 0.5, errors.mean(1))
    found.metrics["quadrature"] = entry(values.mean(1), spread, values.shape[1])
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


def _images(task: Task) -> int:
    return min(int(task.settings.images), task.data.info.test_size)


def _examples(task: Task, chains: int) -> int:
    """Return how many examples make a block."""
    width = max(task.data.info.dimensions, ASSUMED_WIDTH)
    most = BLOCK_ELEMENTS.get(task.streams.device.type, BLOCK_ELEMENTS["cpu"])
    return max(1, most // (width * task.model.members * chains))


def _part_of(task: Task, start: float, length: float) -> Callable[[float], None]:
    """Return a callback for the progress of a part of the task that begins at `start` and takes `length`."""
    return lambda done: task.on_progress(start + length * done)


def log_joint_of(model: LatentModel, x: Tensor, chains: int) -> Callable[[Tensor], Tensor]:
    """Return log p(x, z) of states [S, B·C, d], the chains of one example side by side."""
    repeated = x.repeat_interleave(chains, 1)

    def log_joint(z: Tensor) -> Tensor:
        value = model.log_joint(repeated, z)
        assert value is not None, "checked before"
        return value

    return log_joint


def _base(task: Task, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and spread [S, B, d] of what chains start from."""
    with torch.no_grad():
        proposal = task.model.proposal(x, task.streams) if task.settings.base == "proposal" else None
    if proposal is not None:
        return proposal
    mean = x.new_zeros(*x.shape[:2], task.model.latent)
    return mean, torch.ones_like(mean)


def _log_z(task: Task, found: Findings) -> Tensor:
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
    plan = Plan(LOG_Z_CHAINS // LOG_Z_EXAMPLES, 200, 5)

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


def _grey(task: Task, found: Findings) -> None:
    likelihood = type(getattr(task.model, "likelihood", None)).__name__
    if task.data.info.kind == "grey" and likelihood == "Bernoulli":
        found.notes.append("Grey pixels under a Bernoulli likelihood: a cross-entropy, not a log-likelihood.")
