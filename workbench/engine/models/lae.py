"""Langevin autoencoder (Taniguchi et al. 2022, Algorithm 2): the encoder's last layer W is a Markov chain.

    f(x) = W g_ψ(x),    V(W) = Σ_{i in batch} −log p_θ(x_i | f(x_i)) + ½‖f(x_i)‖²

W follows T Langevin transitions per update, targeting exp(−V); θ and ψ then descend the mean of V
over the states after transitions 1..T. All images of a member's batch are accepted or rejected together.
The chain of the course project, which is another one, is in lae_course.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet, Split
from workbench.engine.ensemble import orthogonal
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.evaluation.line_search import minimise
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.manual_backprop import add_gradient, add_weight_gradients, traced
from workbench.engine.model import Metrics
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.nets import decoder, features, layers
from workbench.engine.optim import make_optimiser
from workbench.engine.samplers.langevin import Decision, Point, adapted, noise_steps, transition
from workbench.engine.streams import Streams
from workbench.spec.models.lae import LAESettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings

RATIO_BOUND = 1e4  # a reported log ratio stays within this: an overflowing proposal is only a rejection
STDS = (1e-3, 2.0)  # between these the best standard deviation of q is searched
SEARCH_IMAGES = 1000  # training examples of that search
CHUNK = 500


class LAE(DecoderModel):
    """S Langevin autoencoders trained side by side, each with its own chain W [S, width, d]."""

    settings: LAESettings
    chain: Tensor
    log_eta: Tensor  # [S], the logarithm of the step size

    def __init__(
        self, settings: LAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        kind, activation, norm = settings.net, settings.activation, settings.layer_norm
        self.features, width = features(kind, data, settings.encoder, activation, streams, layer_norm=norm)
        widths = settings.decoder
        self.decoder = decoder(kind, data, self.latent, widths, activation, streams, layer_norm=norm)
        self.likelihood = make_likelihood(settings.likelihood, streams, sigma=settings.sigma)
        for layer in layers(self):  # as published code has it, also for maps
            rows = layer.weight.shape[1]
            matrix = orthogonal(streams, rows, layer.weight[0].numel() // rows)
            layer.weight.data.copy_(matrix.view_as(layer.weight))
            nn.init.zeros_(layer.bias)
        # no bias in the last layer: it would be outside the chain and never learn
        self.register_buffer("chain", orthogonal(streams, width, self.latent))
        self.register_buffer("log_eta", self.chain.new_full((self.members,), math.log(settings.step_size)))
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Move the chain by T transitions, then the weights by one step. T + 1 evaluations in all."""
        h = self.features(batch.x)
        scale = 1.0 / (self.settings.transitions * batch.x.shape[1])  # means over states and the batch
        self.zero_grad()
        decisions, energies, h_slope = [], [], torch.zeros_like(h)
        start = self.evaluate_chain(self.chain, batch.x, h.detach())
        for point, decision in self.transitions(batch.x, h.detach(), streams, start):
            self._add_gradients(point, scale)  # of θ; a rejected state counts again
            # ψ: V reaches h through z = h W only, so dV/dh is dV/dz Wᵀ and needs no decoder
            h_slope.baddbmm_(point.extras[0], point.position.transpose(1, 2), alpha=scale)
            decisions.append(decision)
            energies.append(point.energies.mean(1))
        h.backward(h_slope)
        loss = torch.stack(energies).mean(0)
        penalty = self.likelihood.penalty() / self.data.train_size
        if isinstance(penalty, Tensor):
            penalty.sum().backward()
            loss = loss + penalty.detach()
        self.take_step()
        metrics = self.metrics(loss, h.detach(), point, decisions)
        metrics["latent_move"] = own_move(h.detach(), start, point)
        self.chain.copy_(point.position)
        return metrics

    def transitions(
        self, x: Tensor, h: Tensor, streams: Streams, start: Point
    ) -> Iterator[tuple[Point, Decision]]:
        """Yield state and decision of transitions 1..T on x [S, B, D] with features h [S, B, width].

        Adapts the step size, if that is set. Does not store the state: `training_step` does.
        """
        settings = self.settings
        uniforms = streams.uniform("acceptance", settings.transitions)
        noises = noise_steps(streams, "chain", settings.transitions, *self.chain.shape[1:])
        evaluate = partial(self.evaluate_chain, x=x, h=h)
        current = start
        for uniform, noise in zip(uniforms.unbind(1), noises, strict=True):
            eta = self.log_eta.exp()
            current, decision = self.move(
                evaluate, current, eta, noise, uniform, metropolis=settings.metropolis
            )
            if settings.adapt_step:
                target, rate = settings.target_acceptance, settings.adapt_rate
                self.log_eta.copy_(adapted(self.log_eta, decision.probability, target, rate))
            yield current, decision

    move: Callable[..., tuple[Point, Decision]] = staticmethod(transition)  # one step of the chain

    def evaluate_chain(self, state: Tensor, x: Tensor, h: Tensor) -> Point:
        """Return V and dV/dW at W = state [S, width, d], from one forward and half a backward pass.

        The extras are dV/dz [S, B, d] and what `_add_gradients` needs. The weights' gradients are
        the other half of the backward pass; only states that are kept pay for it.
        """
        with torch.enable_grad():
            z = torch.bmm(h, state).requires_grad_()
            out, inputs, outputs = traced(self.decoder, z)
            energies = self.energy(x, z, out)
            wanted = [z, *outputs, *self.likelihood.parameters()]
            slope, *rest = torch.autograd.grad(energies.sum(), wanted)
        return Point(state, energies.detach(), torch.bmm(h.transpose(1, 2), slope), (slope, *inputs, *rest))

    def _add_gradients(self, point: Point, scale: float) -> None:
        """Add scale · dV/dθ at an evaluated point to the weights' `grad`."""
        own = list(self.likelihood.parameters())
        _, *trace = point.extras
        layers = (len(trace) - len(own)) // 2
        add_weight_gradients(self.decoder, trace[:layers], trace[layers : 2 * layers], scale)
        for parameter, gradient in zip(own, trace[2 * layers :], strict=True):
            add_gradient(parameter, gradient, scale)

    def energy(self, x: Tensor, z: Tensor, out: Tensor | None = None) -> Tensor:
        """Return V's terms −log p(x|z) + ½‖z‖² [S, B] in nats; `out` is decoder(z), where it is known."""
        cost = -self.likelihood.log_prob(x, self.decoder(z) if out is None else out)
        return cost + 0.5 * z.square().sum(-1)

    def reconstruction(self, energy: Tensor, prior: Tensor) -> Tensor:
        """Return −log p(x|z) from terms of V and their parts ½‖z‖², or from means of both."""
        return energy - prior

    @torch.no_grad()
    def metrics(self, loss: Tensor, h: Tensor, end: Point, decisions: list[Decision]) -> Metrics:
        """Return what the panes show of the chain; see docs/models.md for each name."""
        eta, energy = self.log_eta.exp(), end.energies.mean(1)
        z = torch.bmm(h, end.position)
        accepted = [d.accepted if self.settings.metropolis else d.probability for d in decisions]
        ratio = torch.stack([d.log_ratio for d in decisions]).nan_to_num(nan=-RATIO_BOUND)
        metrics = {
            "loss": loss,
            "energy": energy,
            "reconstruction": self.reconstruction(energy, 0.5 * z.square().sum(-1).mean(1)),
            **self.decision_metrics(
                torch.stack(accepted).to(z.dtype).mean(0),
                ratio.clamp(-RATIO_BOUND, RATIO_BOUND).mean(0).to(z.dtype),
                images=z.shape[1],
            ),
            "step_size": eta,
            "latent_step": eta * h.square().sum(-1).mean(1),
            "weight_norm": end.position.flatten(1).norm(dim=1),
            "z_mean": z.mean((1, 2)),
            "z_variance": z.flatten(1).var(1),
        }
        if (sigma := self.likelihood.scale()) is not None:
            metrics["sigma_x"] = sigma
        return metrics

    def decision_metrics(self, acceptance: Tensor, log_ratio: Tensor, images: int) -> Metrics:
        """Return acceptance and mean log r [S] of a batch of images under their names."""
        return {"acceptance": acceptance, "log_ratio": log_ratio}

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return energy, reconstruction and MSE [S, B] at f(x), NELBO and KL of one draw of N(f(x), s² I)."""
        mean, std = self.proposal(x, streams)
        reconstruction, kl = self._bound_terms(x, mean, std, streams.normal("noise", *mean.shape[1:]))
        energy = self.energy(x, mean)
        return {
            "loss": energy,
            "energy": energy,
            "nelbo": reconstruction + kl,
            "reconstruction": self.reconstruction(energy, 0.5 * mean.square().sum(-1)),
            "kl": kl,
            "mse": (x - self.decode(mean)).square().mean(-1),
        }

    def _bound_terms(self, x: Tensor, mean: Tensor, std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two parts [S, B] of the NELBO for q = N(mean, std² I), std broadcasting [S, B, d]."""
        kl = 0.5 * (mean.square() + std.square() - 1.0 - 2 * std.log()).sum(-1)
        return -self.likelihood.log_prob(x, self.decoder(mean + std * noise)), kl

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return the NELBO with the one standard deviation of q that is best on training data.

        And the reconstruction of a draw from q at `encoder_std`, which is what the course project printed.
        """

        def terms(log_std: Tensor, split: Split, limit: int) -> Tensor:
            """Return reconstruction and KL of each example, [2, S, n]."""
            same = streams.fork(split)  # the same noise at every standard deviation
            parts = []
            for x in (batch.x for batch in data.chunks(split, same, CHUNK, limit)):
                mean = self.encode(x, same)
                std, noise = log_std.exp().view(-1, 1, 1), same.normal("noise", *mean.shape[1:])
                parts.append(torch.stack(self._bound_terms(x, mean, std.expand_as(mean), noise)))
            return torch.cat(parts, 2).double()

        own = torch.full_like(self.log_eta, self.settings.encoder_std)
        low, high = (torch.full_like(own, math.log(std)) for std in STDS)
        best = minimise(lambda log_std: terms(log_std, "train", SEARCH_IMAGES).sum(0).mean(1), low, high)
        return {
            "nelbo_best_std": example_entry(terms(best, "test", settings.images).sum(0)),
            "best_encoder_std": entry(best.exp(), None, SEARCH_IMAGES),
            "drawn_reconstruction": example_entry(terms(own.log(), "test", settings.images)[0]),
        }

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return f(x) = W g(x) [S, B, d] at the chain's present state."""
        return torch.bmm(self.features(x), self.chain)

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return mean f(x) and standard deviation s [S, B, d] of the q(z|x) used at evaluation."""
        mean = self.encode(x, streams)
        return mean, torch.full_like(mean, self.settings.encoder_std)


def own_move(h: Tensor, start: Point, end: Point) -> Tensor:
    """Return how far a latent moved apart from the others, over the posterior's standard deviation, [S].

    Root mean square over the images of h [S, B, width] and the latent dimensions, without the mean shift that
    is common to all images. The standard deviation is 1/√λ of V's mean curvature λ along the moves, by the
    secant of dV/dz between both states. It is at most 1, the prior's. A chain that rejects everything has 0.
    """
    change = end.position - start.position
    shift = torch.bmm(h, change)
    own = torch.bmm(h - h.mean(1, keepdim=True), change)
    rise = (shift * (end.extras[0] - start.extras[0])).sum((1, 2))
    length = shift.square().sum((1, 2))
    curvature = torch.where(length > 0, rise / length, 1.0).clamp(min=1.0)
    return own.square().mean((1, 2)).sqrt() * curvature.sqrt()
