"""Principal components, t-SNE and interpolation."""

from __future__ import annotations

import numpy as np
import torch

from workbench.engine.evaluation.embedding import principal_components, straight_lines, tsne
from workbench.engine.streams import Streams


def normals(count: int, dimensions: int) -> torch.Tensor:
    return Streams([0], dtype=torch.float64).normal("x", count, dimensions)[0]


def test_components_come_by_variance_with_a_fixed_sign() -> None:
    x = normals(2000, 3) * torch.tensor([1.0, 5.0, 0.2]) + 7
    centre, axes, share = principal_components(x, 2)
    torch.testing.assert_close(centre, x.mean(0))
    assert axes[1, 0] > 0.99 and axes[0, 1] > 0.99  # the second coordinate, then the first; both positive
    variances = x.var(0)
    torch.testing.assert_close(share[0], variances[1] / variances.sum(), rtol=0.01, atol=0)
    flipped = principal_components(-x, 2)[1]
    torch.testing.assert_close(flipped, axes)


def test_two_clusters_stay_apart_and_the_picture_repeats() -> None:
    x = normals(60, 5)
    x[:30] += 20
    first, divergence = tsne(x, 10.0)
    second, _ = tsne(x, 10.0)
    assert np.array_equal(first, second) and divergence > 0
    gap = np.linalg.norm(first[:30].mean(0) - first[30:].mean(0))
    assert gap > 2 * np.linalg.norm(first[:30] - first[:30].mean(0), axis=1).mean()


def test_a_line_of_latents_can_be_embedded() -> None:
    assert tsne(normals(40, 1), 5.0)[0].shape == (40, 2)


def test_lines_begin_and_end_where_they_should() -> None:
    start, end = normals(3, 2).unsqueeze(0), -normals(3, 2).unsqueeze(0)
    path = straight_lines(start, end, 5)
    assert path.shape == (1, 3, 5, 2)
    torch.testing.assert_close(path[:, :, 0], start)
    torch.testing.assert_close(path[:, :, -1], end)
    torch.testing.assert_close(path[:, :, 2], torch.zeros_like(start))
