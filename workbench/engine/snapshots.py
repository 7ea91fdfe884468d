"""What the panes show of a model in training: samples beside real examples, and latents with labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workbench.engine.data.dataset import DataSet
from workbench.engine.model import LatentModel
from workbench.engine.recorder import Recorder
from workbench.engine.streams import Streams

PICTURES = 36
POINTS = 1000
LATENTS = 500
SHOWN_AGAIN = 12  # examples that are kept with their reconstructions


def take_snapshot(recorder: Recorder, step: int, model: LatentModel, data: DataSet, streams: Streams) -> None:
    """Write `samples/<step>.npz` and `latents/<step>.npz`, of which a family may have one or neither.

    `streams` are fresh, so training is undisturbed. The same noise and test examples serve every
    snapshot: what changes is the model.
    """
    if model.generative:
        pictures = len(data.info.shape) > 1
        count = PICTURES if pictures else POINTS
        with torch.no_grad():
            samples = model.sample(count, streams)
        real = next(data.chunks("test", streams, count)).x[0]
        if pictures:
            shown = {"images": to_bytes(samples, data.info.shape), "data": to_bytes(real, data.info.shape)}
        else:
            shown = {"points": samples.float().cpu().numpy(), "data": real.float().cpu().numpy()}
        recorder.arrays(recorder.paths.samples, step, **shown)
    if model.latent > 0:
        latents = next(data.chunks("test", streams, LATENTS))
        with torch.no_grad():
            z = model.encode(latents.x, streams)
        labels = latents.y[0].cpu().numpy()
        again = {}
        if model.generative and len(data.info.shape) > 1:
            with torch.no_grad():  # of latents that are there: no noise is drawn for it
                decoded = model.decode(z[:, :SHOWN_AGAIN])
            again = {
                "originals": to_bytes(
                    latents.x[:, :SHOWN_AGAIN], data.info.shape
                ),  # drawn bits differ by seed
                "reconstructions": to_bytes(decoded, data.info.shape),
            }
        z_array = z.detach().float().cpu().numpy()
        recorder.arrays(recorder.paths.latents, step, z=z_array, labels=labels, **again)


def to_bytes(x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Return x in [0, 1] of shape [..., D] as uint8 [..., *shape]; what is not finite becomes 0."""
    grey = torch.nan_to_num(x.detach().float()).clamp(0, 1).mul(255).round()
    return grey.to(torch.uint8).view(*x.shape[:-1], *shape).cpu().numpy()
