"""Latents as pictures: principal components, t-SNE, and straight lines between two codes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def principal_components(z: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return centre [D], axes [D, count] and share of the variance [count] of points [n, D].

    Axes come in falling order of variance, each with its largest component positive, so that the same
    data always give the same picture.
    """
    points = z.double()
    centre = points.mean(0)
    values, vectors = torch.linalg.eigh(torch.atleast_2d((points - centre).T.cov()))
    axes = vectors.flip(1)[:, :count]
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return centre, axes, values.flip(0)[:count].clamp(min=0) / values.sum().clamp(min=1e-300)


def tsne(z: Tensor, perplexity: float) -> tuple[NDArray[np.float32], float]:
    """Return t-SNE coordinates [n, 2] of latents [n, d] and the KL divergence they were left with.

    Latents are standardised first, as their scale is the model's own choice. Starts from the principal
    components, with a fixed seed. Neighbourhoods mean something; distances and sizes of clusters do not.
    """
    from sklearn.manifold import TSNE  # loads scikit-learn: 1 s

    points = z.double()
    points = (points - points.mean(0)) / points.std(0).clamp(min=1e-12)
    if points.shape[1] == 1:  # the PCA start needs two columns
        points = torch.cat([points, torch.zeros_like(points)], 1)
    method = TSNE(perplexity=perplexity, init="pca", random_state=0)
    return method.fit_transform(points.cpu().numpy()).astype(np.float32), float(method.kl_divergence_)


def straight_lines(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return points [S, P, steps, d] evenly spaced from start to end [S, P, d], both included."""
    share = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device).view(-1, 1)
    return torch.lerp(start.unsqueeze(2), end.unsqueeze(2), share)
