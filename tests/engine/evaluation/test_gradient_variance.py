"""The variance of gradients: parts that are known, and an LEBM whose gradient's variance is known."""

from __future__ import annotations

import pytest
import torch

from workbench.engine.evaluation.gradient_variance import Spread, cosine


@pytest.mark.check("section 12", "Both parts of the gradient variance are estimated without bias.")
def test_both_parts_are_found_without_bias() -> None:
    """g = u_batch + e: Var u = 4, Var e = 9, mean 2, in 40 repetitions of the whole study."""
    generator = torch.Generator().manual_seed(0)
    spread = Spread(3)
    for _ in range(10):
        u = 2 + 2 * torch.randn(40, 500, generator=generator, dtype=torch.float64)
        for _ in range(3):
            spread.add(u + 3 * torch.randn(40, 500, generator=generator, dtype=torch.float64))
    found = spread.parts()
    parts = (found.chain, found.data, found.total, found.mean.mean(1))
    for part, truth in zip(parts, (9.0, 4.0, 13.0, 2.0), strict=True):
        assert abs(part.mean() - truth) < 4 * part.std() / 40**0.5
    torch.testing.assert_close(found.normalised.mean(), torch.tensor(13 / 17).double(), atol=0.01, rtol=0)


def test_an_exact_gradient_has_no_variance_however_its_coordinates_differ() -> None:
    exact = torch.linspace(-100, 100, 50).expand(2, -1)
    spread = Spread(2)
    for _ in range(4):
        spread.add(exact)
    found = spread.parts()
    assert (found.total == 0).all() and (found.normalised == 0).all()
    torch.testing.assert_close(cosine(found.mean, found.mean), torch.ones(2).double())


def test_noise_around_zero_is_nothing_but_noise() -> None:
    generator = torch.Generator().manual_seed(1)
    spread = Spread(2)
    for _ in range(60):
        spread.add(torch.randn(1, 2000, generator=generator))
    assert spread.parts().normalised == pytest.approx(1.0, abs=0.03)


def test_too_few_repetitions_are_refused() -> None:
    with pytest.raises(ValueError, match="two repetitions"):
        Spread(1)
    spread = Spread(2)
    for _ in range(3):  # the second batch is not whole
        spread.add(torch.ones(1, 2))
    with pytest.raises(ValueError, match="two batches"):
        spread.parts()
