"""What a decoder shows: reconstructions of test examples, and the image of a grid of latents."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.snapshots import to_bytes

CHUNK = 500
USUAL = {1: 200, 2: 15}  # points of a dimension
SPAN = (0.01, 0.99)  # quantiles of the test latents between which a grid lies


def reconstructions(task: Task) -> Findings:
    """Test examples and what is decoded from their representative latents.

    Arrays `images` [S, n, H, W] or `points` [S, n, D], and `data`, the originals, without the axis S.

    Raises:
        WorkbenchError: if the family has no latents.
    """
    task.needs_latents()
    batch = next(task.data.chunks("test", task.streams, task.settings.images, task.settings.images))
    x = batch.x[:1].expand_as(batch.x)  # drawn pixels differ between seeds: all get those that are shown
    with torch.no_grad():
        decoded = task.model.decode(task.model.encode(x, task.streams))
    task.on_progress(1.0)
    return Findings(arrays=decoded_arrays(task, decoded, x[0]))


def decoder_grid(task: Task) -> Findings:
    """The decoder's image of evenly spaced latents: a curve of one dimension, a grid of two.

    The grid lies between the 1 % and 99 % quantiles of the test latents. Arrays: `z` [S, G, d], `images` or
    `points` [S, G, …] decoded from it, G = points^d with the last dimension fastest, and `data`.

    Raises:
        WorkbenchError: if the model has no latents, or more than two dimensions of them.
    """
    task.needs_latents()
    model, settings = task.model, task.settings
    if model.latent > 2:
        raise task.refuse(f"A grid needs one or two latent dimensions, this model has {model.latent}.")
    batch = next(task.data.chunks("test", task.streams, settings.images, settings.images))
    with torch.no_grad():
        encoded = model.encode(batch.x, task.streams)
        low, high = encoded.quantile(encoded.new_tensor(SPAN), dim=1)
        z = grid_between(low, high, settings.points or USUAL[model.latent])
        decoded = torch.cat([model.decode(part) for part in z.split(CHUNK, 1)], 1)
    task.on_progress(1.0)
    found = Findings(arrays=decoded_arrays(task, decoded, batch.x[0]))
    found.arrays["z"] = z.float().cpu().numpy()
    return found


def grid_between(low: Tensor, high: Tensor, points: int) -> Tensor:
    """Return a grid [S, points^d, d] of evenly spaced values from low to high [S, d]."""
    share = torch.linspace(0, 1, points, dtype=low.dtype, device=low.device)
    axes = torch.meshgrid(*[share] * low.shape[-1], indexing="ij")
    place = torch.stack(axes, -1).flatten(0, -2)  # [G, d]
    return torch.lerp(low.unsqueeze(1), high.unsqueeze(1), place)


def decoded_arrays(task: Task, decoded: Tensor, real: Tensor) -> dict[str, np.ndarray]:
    """Return what was decoded [S, …, D] and real examples […, D]: `images` or `points`, and `data`."""
    shape = task.data.info.shape
    if len(shape) > 1:
        return {"images": to_bytes(decoded, shape), "data": to_bytes(real, shape)}
    return {"points": decoded.float().cpu().numpy(), "data": real.float().cpu().numpy()}
