"""Quadrature of log p(x) over two latent dimensions against a closed form."""

from __future__ import annotations

import pytest
import torch

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.evaluation import quadrature
from workbench.engine.evaluation.quadrature import log_px_2d
from workbench.engine.streams import Streams


def test_matches_the_linear_gaussian_closed_form() -> None:
    model = LinearGaussian()
    x = model.draw(4, Streams([0, 1], dtype=torch.float64))
    torch.testing.assert_close(log_px_2d(model, x), model.log_px(x), rtol=0, atol=1e-6)


def test_refuses_other_latent_sizes() -> None:
    model = LinearGaussian(latent=3)
    with pytest.raises(ValueError, match="2 latent dimensions"):
        log_px_2d(model, torch.zeros(2, 1, 3, dtype=torch.float64))


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LinearGaussian()
    x = model.draw(3, Streams([0, 1], dtype=torch.float64))
    whole = log_px_2d(model, x, points=40)
    monkeypatch.setattr(quadrature, "BLOCK_ROWS", 6 * 7)
    torch.testing.assert_close(log_px_2d(model, x, points=40), whole, rtol=0, atol=1e-12)
