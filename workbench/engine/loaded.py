"""A trained model outside training: encodes, decodes and draws, with numpy arrays or tensors in and out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.engine import checkpoint
from workbench.engine.averaging import evaluated_weights
from workbench.engine.data import load
from workbench.engine.data.batch import DataInfo
from workbench.engine.process import user_variables
from workbench.engine.setup import DTYPES, build_model, choose_device
from workbench.engine.streams import Streams
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.settings import user_settings
from workbench.spec.resolve import parse_spec
from workbench.spec.schema import RunSpec
from workbench.store.json_fields import read_table, table
from workbench.store.paths import RunPaths

CHUNK = 1000  # examples computed at a time
Array = Any  # a numpy array, a tensor, or nested lists; what is returned is of the same kind


class LoadedModel:
    """The evaluated weights of a run, without gradients.

    Shapes: S seeds, B examples, d latent dimensions, `shape` of one example. With one chosen seed there is
    no axis S. Input without that axis goes to every seed. What is drawn follows from `random_seed`; None
    gives the numbers of the run's own snapshots. A NumPy array gives NumPy arrays, a tensor gives tensors.
    """

    def __init__(
        self,
        spec: RunSpec,
        info: DataInfo,
        weights: dict[str, Tensor],
        step: int,
        seed: int | None = None,
        device: str = "cpu",
    ) -> None:
        """Take the weights of all seeds of `spec`, or keep those of `seed`.

        Raises:
            WorkbenchError: for a seed that the run does not have (3), weights that do not fit (2), or a
                device that is not here (6).
        """
        if seed is not None and seed not in spec.seeds:
            known = ", ".join(map(str, spec.seeds))
            raise WorkbenchError(f"The run has no seed {seed}.", f"Its seeds: {known}.", NOT_FOUND)
        if seed is not None:
            row = spec.seeds.index(seed)
            weights = {
                name: value[row : row + 1] if value.dim() else value for name, value in weights.items()
            }
        self.spec, self.info, self.step = spec, info, step
        self.seeds: tuple[int, ...] = tuple(spec.seeds) if seed is None else (seed,)
        self.one = seed is not None
        self.shape, self.latent = info.shape, 0
        self.streams = Streams(self.seeds, choose_device(device), DTYPES[spec.training.precision])
        self.model = build_model(spec, info, self.streams)
        self.model.average = None  # the weights are the averaged ones already, where there are some
        try:
            self.model.load_state_dict(weights)
        except RuntimeError:
            raise WorkbenchError(
                "The weights do not fit the model: they were written by another version.", "", USAGE
            ) from None
        self.model.requires_grad_(False).eval()
        self.latent = self.model.latent

    def __repr__(self) -> str:
        seeds = f"seed {self.seeds[0]}" if self.one else f"seeds {', '.join(map(str, self.seeds))}"
        return (
            f"<LoadedModel {self.spec.model.kind}: {seeds}, step {self.step}, "
            f"latents {self.latent}, x {self.shape}>"
        )

    def encode(self, x: Array, *, random_seed: int | None = None) -> Array:
        """Return the representative latents [S, B, d] of x [B, *shape]: posterior means, or a chain's end.

        Raises:
            WorkbenchError: if the family has no latents, or x is not data of this model.
        """
        self._must_have("has_latents", "encode")
        rows, streams = self._x(x, "encode"), self._streams(random_seed)
        with torch.no_grad():
            z = torch.cat([self.model.encode(part, streams) for part in rows.split(CHUNK, 1)], 1)
        return self._returned(z, x)

    def decode(self, z: Array) -> Array:
        """Return the mean of p(x|z) [S, B, *shape] for z [B, d] or [S, B, d].

        Raises:
            WorkbenchError: if the family has no latents, or z has another shape.
        """
        self._must_have("has_latents", "decode")
        rows = self._z(z, "decode")
        with torch.no_grad():
            x = torch.cat([self.model.decode(part) for part in rows.split(CHUNK, 1)], 1)
        return self._returned(x.unflatten(-1, self.shape), z)

    def sample(self, count: int, *, random_seed: int | None = None) -> np.ndarray:
        """Return model samples [S, count, *shape]: means of p(x|z) for pictures, with noise for points.

        Raises:
            WorkbenchError: if the family draws no samples.
        """
        self._must_have("has_samples", "sample")
        if count < 1:
            raise WorkbenchError(f"Cannot sample {count} examples: at least 1 is needed.")
        with torch.no_grad():
            x = self.model.sample(count, self._streams(random_seed))
        found: np.ndarray = self._returned(x.unflatten(-1, self.shape), None)
        return found

    def log_joint(self, x: Array, z: Array) -> Array:
        """Return log p(x, z) [S, B] in nats, short of a constant if the prior is not normalised.

        Raises:
            WorkbenchError: if the family has no such density, or the shapes do not fit.
        """
        self._must_have("has_density", "compute log p(x, z)")
        rows, latents = self._x(x, "compute log p(x, z)"), self._z(z, "compute log p(x, z)")
        if rows.shape[1] != latents.shape[1]:
            raise WorkbenchError(
                f"Cannot compute log p(x, z): x has {rows.shape[1]} examples, z has {latents.shape[1]}."
            )
        with torch.no_grad():
            pairs = zip(rows.split(CHUNK, 1), latents.split(CHUNK, 1), strict=True)
            values = [self.model.log_joint(*pair) for pair in pairs]
        if any(value is None for value in values):
            raise WorkbenchError(f"Cannot compute log p(x, z): {self.spec.model.kind} has no such density.")
        return self._returned(torch.cat([value for value in values if value is not None], 1), x)

    def _streams(self, random_seed: int | None) -> Streams:
        return self.streams.fork("snapshot" if random_seed is None else f"notebook/{random_seed}")

    def _must_have(self, ability: str, verb: str) -> None:
        if not getattr(self.model.settings, ability):
            lack = {"has_latents": "latents", "has_samples": "samples", "has_density": "density"}[ability]
            raise WorkbenchError(f"Cannot {verb}: the family {self.spec.model.kind} has no {lack}.")

    def _x(self, x: Array, verb: str) -> Tensor:
        """Return x [S, B, D] from [B, *shape], [B, D], or either with a leading axis S."""
        rows = self._tensor(x, verb)
        if rows.shape[-len(self.shape) :] == self.shape:
            rows = rows.flatten(-len(self.shape))
        if rows.shape[-1:] != (self.info.dimensions,):
            raise WorkbenchError(
                f"Cannot {verb}: x has the shape {tuple(rows.shape)}, examples have {self.shape}."
            )
        if self.info.kind != "points" and rows.numel() and not 0 <= rows.min() <= rows.max() <= 1:
            raise WorkbenchError(
                f"Cannot {verb}: x has values outside [0, 1].", "Divide integers by their largest value."
            )
        return self._stacked(rows, verb)

    def _z(self, z: Array, verb: str) -> Tensor:
        rows = self._tensor(z, verb)
        if rows.shape[-1:] != (self.latent,):
            raise WorkbenchError(
                f"Cannot {verb}: z has the shape {tuple(rows.shape)}, latents have ({self.latent},)."
            )
        return self._stacked(rows, verb)

    def _tensor(self, value: Array, verb: str) -> Tensor:
        try:
            given = torch.as_tensor(np.asarray(value) if not isinstance(value, Tensor) else value)
            found = given.to(self.streams.device, self.streams.dtype)
        except (TypeError, ValueError) as problem:
            raise WorkbenchError(f"Cannot {verb}: not an array of numbers ({problem}).") from None
        if not found.isfinite().all():
            raise WorkbenchError(f"Cannot {verb}: the array has values that are not finite.")
        return found

    def _stacked(self, rows: Tensor, verb: str) -> Tensor:
        """Return [S, B, n] from [B, n], which every seed gets, or from [S, B, n]."""
        if rows.dim() == 2:
            return rows.expand(len(self.seeds), -1, -1)
        if rows.dim() == 3 and len(rows) == len(self.seeds):
            return rows
        raise WorkbenchError(
            f"Cannot {verb}: an array of {rows.dim()} axes, the first of length "
            f"{len(rows) if rows.dim() else 0}, does not fit {len(self.seeds)} seeds."
        )

    def _returned(self, values: Tensor, like: Array) -> Array:
        values = values[0] if self.one else values
        return values if isinstance(like, Tensor) else values.cpu().numpy()


def load_run(run: RunPaths, seed: int | None = None, device: str = "cpu") -> LoadedModel:
    """Return the model of a run's newest checkpoint, of all seeds or of one.

    Raises:
        WorkbenchError: if there is no usable checkpoint (3), the seed diverged (2), or the data set is not
            here (8).
    """
    spec, weights, step = final_weights(run)
    if seed is not None and str(seed) in table(read_table(run.result).get("diverged")):
        raise WorkbenchError(f"Seed {seed} of run {run.id} diverged.", "Choose another seed.")
    return LoadedModel(spec, data_info(run, spec), weights, step, seed, device)


def final_weights(run: RunPaths) -> tuple[RunSpec, dict[str, Tensor], int]:
    """Return a run's spec, its evaluated weights (averaged, where it evaluates those) and their step.

    Raises:
        WorkbenchError: if there is no usable checkpoint (3).
    """
    spec = parse_spec(run.spec.read_text(encoding="utf-8"), f"{run.id}/spec.toml")
    reasons: list[str] = []
    found = checkpoint.load_newest(run, reasons.append)
    if found is None:
        why = f" ({reasons[0]})" if reasons else ""
        raise WorkbenchError(f"Run {run.id} has no usable checkpoint{why}.", "Run it again.", NOT_FOUND)
    return spec, evaluated_weights(found.state["model"]), found.step


def data_info(run: RunPaths, spec: RunSpec) -> DataInfo:
    """Return what the model was allowed to know of its data; the data set is read for it.

    Raises:
        WorkbenchError: if the data set is not here (8).
    """
    user = user_settings(user_variables(run))
    return load(spec.data, user.data_dir, user.download, dtype=DTYPES[spec.training.precision]).info
