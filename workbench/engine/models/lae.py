"""Langevin autoencoder (Taniguchi et al. 2022): the encoder's last layer W is a Markov chain's state.

    f(x) = W g_ψ(x),    V(W) = Σ_{i in batch} −log p_θ(x_i | f(x_i)) + ½‖f(x_i)‖²

W follows T Langevin transitions per update, targeting exp(−V); θ and ψ then descend the mean of V
over the states after transitions 1..T. All images of a member's batch are accepted or rejected together.

With `energy = "likelihood"` the term ½‖f(x_i)‖² is left out; with `noise = "course"` the chain is another
one (lae_course.py). Neither is the paper's algorithm, and both say so in what they report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.ensemble import Linear, mlp
from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.line_search import minimise
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.manual_backprop import add_gradient, add_weight_gradients, traced
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.models.lae_course import course_transition
from workbench.engine.optim import clip_gradients, make_optimiser
from workbench.engine.samplers.langevin import Decision, Point, adapted, noise_steps, transition
from workbench.engine.streams import Streams
from workbench.spec.models.lae import LAESettings
from workbench.spec.schema import TrainingSettings

if TYPE_CHECKING:
    from workbench.engine.data.dataset import DataSet, Split
    from workbench.spec.schema import EvaluationSettings

LOG_2PI = math.log(2 * math.pi)
RATIO_BOUND = 1e4  # a reported log ratio stays within this: an overflowing proposal is only a rejection
STDS = (1e-3, 2.0)  # between these the best standard deviation of q is looked for
SEARCH_IMAGES = 1000  # training examples that it is looked for on
CHUNK = 500


class LAE(LatentModel):
    """S Langevin autoencoders trained side by side, each with its own chain W [S, width, d]."""

    def __init__(
        self, settings: LAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members, self.latent = len(streams.seeds), settings.latent
        if settings.energy == "likelihood":
            self.watched = "loss"  # latents that no prior holds make the bound worse from the start
        activation, norm = settings.activation, settings.layer_norm
        widths = [data.dimensions, *settings.encoder]
        self.features = mlp(widths, activation, streams, layer_norm=norm, last_activation=True)
        widths_back = [self.latent, *settings.decoder, data.dimensions]
        self.decoder = mlp(widths_back, activation, streams, layer_norm=norm)
        self.likelihood = make_likelihood(settings.likelihood, streams, sigma=settings.sigma)
        for layer in self.modules():
            if isinstance(layer, Linear):
                orthogonal_(layer, streams)
        # no bias in the last layer: it would be outside the chain and never learn
        self.register_buffer("chain", orthogonal(streams, widths[-1], self.latent))
        first = math.log(settings.step_size)
        log_eta = torch.full((self.members,), first, device=streams.device, dtype=streams.dtype)
        self.register_buffer("log_eta", log_eta)
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}
        self.chain: Tensor
        self.log_eta: Tensor

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Move the chain by T transitions, then the weights by one step. T + 1 evaluations in all."""
        h = self.features(batch.x)
        scale = 1.0 / (self.settings.transitions * batch.x.shape[1])  # means over states and the batch
        self.zero_grad()
        decisions, energies, h_slope = [], [], torch.zeros_like(h)
        for point, decision in self.transitions(batch.x, h.detach(), streams):
            self._add_gradients(point, scale)  # of θ; a rejected state counts again
            # ψ: V reaches h through z = h W only, so dV/dh is dV/dz Wᵀ and needs no decoder
            h_slope.baddbmm_(point.extras[0], point.position.transpose(1, 2), alpha=scale)
            decisions.append(decision)
            energies.append(point.energies.mean(1))
        h.backward(h_slope)
        penalty = self.likelihood.penalty()
        loss = torch.stack(energies).mean(0)
        if isinstance(penalty, Tensor):
            penalty = penalty / self.data.train_size
            penalty.sum().backward()
            loss = loss + penalty.detach()
        clip_gradients(self.parameters(), self.training_settings.clip)
        self.optimisers["model"].step()
        self.chain.copy_(point.position)
        return self._metrics(loss, h.detach(), point, decisions)

    def transitions(self, x: Tensor, h: Tensor, streams: Streams) -> Iterator[tuple[Point, Decision]]:
        """Yield state and decision of transitions 1..T on x [S, B, D] with features h [S, B, width].

        Adapts the step size, if the settings say so. Does not store the state: `training_step` does.
        """
        settings = self.settings
        count = settings.transitions
        uniforms = streams.uniform("acceptance", count)
        noises = noise_steps(streams, "chain", count, *self.chain.shape[1:])
        current = self.evaluate_chain(self.chain, x, h)
        move = transition if settings.noise == "langevin" else course_transition
        for uniform, noise in zip(uniforms.unbind(1), noises, strict=True):
            current, decision = move(
                lambda state: self.evaluate_chain(state, x, h),
                current,
                self.log_eta.exp(),
                noise,
                uniform,
                metropolis=settings.metropolis,
            )
            if settings.adapt_step:
                moved = adapted(
                    self.log_eta, decision.probability, settings.target_acceptance, settings.adapt_rate
                )
                self.log_eta.copy_(moved)
            yield current, decision

    def evaluate_chain(self, state: Tensor, x: Tensor, h: Tensor) -> Point:
        """Return V and dV/dW at W = state [S, width, d], from one forward and half a backward pass.

        The extras are dV/dz [S, B, d] and what `_add_gradients` needs. The weights' gradients are
        the other half of the backward pass; only states that are kept pay for it.
        """
        with torch.enable_grad():
            z = torch.bmm(h, state).requires_grad_()
            out, inputs, outputs = traced(self.decoder, z)
            energies = -self.likelihood.log_prob(x, out)
            if self.settings.energy == "joint":
                energies = energies + 0.5 * z.square().sum(-1)
            wanted = [z, *outputs, *self.likelihood.parameters()]
            slope, *rest = torch.autograd.grad(energies.sum(), wanted)
        gradient = torch.bmm(h.transpose(1, 2), slope)
        return Point(state, energies.detach(), gradient, (slope, *inputs, *rest))

    def _add_gradients(self, point: Point, scale: float) -> None:
        """Add scale · dV/dθ at an evaluated point to the weights' `grad`."""
        own = list(self.likelihood.parameters())
        _, *trace = point.extras
        layers = (len(trace) - len(own)) // 2
        add_weight_gradients(self.decoder, trace[:layers], trace[layers : 2 * layers], scale)
        for parameter, gradient in zip(own, trace[2 * layers :], strict=True):
            add_gradient(parameter, gradient, scale)

    def energy(self, x: Tensor, z: Tensor) -> Tensor:
        """Return V's terms [S, B] in nats: −log p(x|z) + ½‖z‖², or the first alone."""
        cost = -self.likelihood.log_prob(x, self.decoder(z))
        return cost + 0.5 * z.square().sum(-1) if self.settings.energy == "joint" else cost

    @torch.no_grad()
    def _metrics(self, loss: Tensor, h: Tensor, end: Point, decisions: list[Decision]) -> Metrics:
        """Return what the panes show of the chain; see docs/models.md for each name."""
        eta = self.log_eta.exp()
        z = torch.bmm(h, end.position)
        energy = end.energies.mean(1)
        prior = 0.5 * z.square().sum(-1).mean(1)
        metrics = {
            "loss": loss,
            "energy": energy,
            "reconstruction": energy - prior if self.settings.energy == "joint" else energy.clone(),
            **self._decided(decisions, z),
            "step_size": eta,
            "latent_step": eta * h.square().sum(-1).mean(1),
            "weight_norm": end.position.flatten(1).norm(dim=1),
            "z_mean": z.mean((1, 2)),
            "z_variance": z.flatten(1).var(1),
        }
        sigma = self.likelihood.scale()
        if sigma is not None:
            metrics["sigma_x"] = sigma
        return metrics

    def _decided(self, decisions: list[Decision], z: Tensor) -> Metrics:
        """Return acceptance and mean log r [S], under names that say by which rule."""
        settings = self.settings
        accepted = [d.accepted if settings.metropolis else d.probability for d in decisions]
        acceptance = torch.stack(accepted).to(z.dtype).mean(0)
        ratio = torch.stack([d.log_ratio for d in decisions]).nan_to_num(nan=-RATIO_BOUND)
        log_ratio = ratio.clamp(-RATIO_BOUND, RATIO_BOUND).mean(0).to(z.dtype)
        if settings.noise == "langevin":
            return {"acceptance": acceptance, "log_ratio": log_ratio}
        metrics = {"chain_temperature": torch.full_like(acceptance, 1 / z.shape[1])}
        if settings.metropolis:  # without the step its would-be acceptance means nothing
            metrics |= {"course_acceptance": acceptance, "course_log_ratio": log_ratio}
        return metrics

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return per-example [S, B] quantities of held-out x [S, B, D].

        Energy, reconstruction and MSE are those at f(x); NELBO and KL those of q = N(f(x), s² I), one draw.
        """
        mean, std = self.proposal(x, streams)
        reconstruction, kl = self._bound_terms(x, mean, std, streams.normal("noise", *mean.shape[1:]))
        energy = self.energy(x, mean)
        prior = 0.5 * mean.square().sum(-1)
        return {
            "loss": energy,
            "energy": energy,
            "nelbo": reconstruction + kl,
            "reconstruction": energy - prior if self.settings.energy == "joint" else energy,
            "kl": kl,
            "mse": (x - self.decode(mean)).square().mean(-1),
        }

    def _bound_terms(self, x: Tensor, mean: Tensor, std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two parts [S, B] of the NELBO for q = N(mean, std² I), std broadcasting [S, B, d]."""
        kl = 0.5 * (mean.square() + std.square() - 1.0 - 2 * std.log()).sum(-1)
        return -self.likelihood.log_prob(x, self.decoder(mean + std * noise)), kl

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return the NELBO with the one standard deviation of q that is best for it, chosen on training data.

        And the reconstruction of a draw from q at `encoder_std`, which is what the course project printed.
        """
        own = torch.full_like(self.log_eta, self.settings.encoder_std)
        members = self.members
        low, high = (torch.full_like(own, math.log(std)) for std in STDS)

        def terms(log_std: Tensor, split: Split, limit: int) -> tuple[Tensor, Tensor]:
            same = streams.fork(split)  # the same noise at every standard deviation
            parts = []
            for batch in data.chunks(split, same, CHUNK, limit):
                mean = self.encode(batch.x, same)
                std = log_std.exp().view(members, 1, 1).expand_as(mean)
                parts.append(self._bound_terms(batch.x, mean, std, same.normal("noise", *mean.shape[1:])))
            reconstructions, kls = zip(*parts, strict=True)
            return torch.cat(reconstructions, 1).double(), torch.cat(kls, 1).double()

        def cost(log_std: Tensor) -> Tensor:
            return sum(terms(log_std, "train", SEARCH_IMAGES), torch.zeros(())).mean(1)

        best = minimise(cost, low, high)
        drawn, _ = terms(own.log(), "test", settings.images)
        nelbo = sum(terms(best, "test", settings.images), torch.zeros(()))
        return {
            "nelbo_best_std": mean_entry(nelbo),
            "best_encoder_std": entry(best.exp(), None, SEARCH_IMAGES),
            "drawn_reconstruction": mean_entry(drawn),
        }

    def warnings(self, metrics: dict[str, Any]) -> list[str]:
        """Say what of this run is the course project's and not the paper's."""
        found = []
        if self.settings.noise == "course":
            found.append(
                "This chain is the course project's, not Langevin dynamics: its noise is too small by the "
                "root of the batch size, which is nearly gradient descent."
            )
            if self.settings.metropolis:
                found.append("Its accept step is not Metropolis–Hastings: the reverse proposal is wrong.")
        if self.settings.energy == "likelihood":
            found.append("The energy lacks ½‖z‖²: latents have no prior in training, only at evaluation.")
        return found

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return f(x) = W g(x) [S, B, d] at the chain's present state."""
        return torch.bmm(self.features(x), self.chain)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z) [S, B, D]."""
        return self.likelihood.mean(self.decoder(z))

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D]: decoded means for pictures, draws from p(x|z) otherwise."""
        out = self.decoder(streams.normal("sample", count, self.latent))
        if len(self.data.shape) > 1:
            return self.likelihood.mean(out)
        return self.likelihood.draw(out, streams, "sample")

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) + log N(z; 0, I) [S, B], normalised."""
        prior = -0.5 * (z.square() + LOG_2PI).sum(-1)
        return self.likelihood.log_prob(x, self.decoder(z)) + prior

    def joint_draws(self, count: int, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return exact draws x [S, count, D] and z [S, count, d] of p(x|z) N(z; 0, I)."""
        z = streams.normal("joint", count, self.latent)
        return self.likelihood.draw(self.decoder(z), streams, "joint"), z

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return mean f(x) and standard deviation s [S, B, d] of the q(z|x) used at evaluation."""
        mean = self.encode(x, streams)
        return mean, torch.full_like(mean, self.settings.encoder_std)


def orthogonal(streams: Streams, inputs: int, outputs: int) -> Tensor:
    """Return S random matrices [S, inputs, outputs] with orthonormal rows or columns, whichever are fewer."""
    tall, short = max(inputs, outputs), min(inputs, outputs)
    q, r = torch.linalg.qr(streams.normal("init", tall, short))
    # the sign of R's diagonal makes the law uniform over orthogonal matrices
    q = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(1)
    return (q if inputs >= outputs else q.transpose(1, 2)).contiguous()


def mean_entry(values: Tensor) -> dict[str, Any]:
    """Return the mean of values [S, n] over the n examples, in the store's form."""
    return entry(values.mean(1), values.std(1) / math.sqrt(values.shape[1]), values.shape[1])


@torch.no_grad()
def orthogonal_(layer: Linear, streams: Streams) -> None:
    """Give a stacked linear layer orthogonal weights and zero biases, as the published code does."""
    layer.weight.copy_(orthogonal(streams, *layer.weight.shape[1:]))
    if layer.bias is not None:
        layer.bias.zero_()


def build(settings: LAESettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> LAE:
    """Return the model with its initial weights and chain drawn from the stream "init"."""
    return LAE(settings, training, data, streams)
