"""Distances between samples against closed forms, brute force, and what an unbiased estimate must do."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from workbench.engine.evaluation import distances
from workbench.engine.evaluation.distances import (
    energy_distance,
    energy_null,
    frechet,
    mmd,
    mmd_null,
    sliced_w2,
    split_null,
)
from workbench.engine.streams import Streams


def normals(count: int, dimensions: int, purpose: str = "x", members: int = 3) -> torch.Tensor:
    return Streams(range(members), dtype=torch.float64).normal(purpose, count, dimensions)


def pair_mean(kernel: Callable[..., float], a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the mean over all pairs, without those of a point with itself."""
    pairs = [kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if a is not b or i != j]
    return sum(pairs) / len(pairs)


def test_equals_the_double_sum_written_out() -> None:
    x, y = normals(7, 3, "x", members=1), normals(5, 3, "y", members=1)

    def norm(a: torch.Tensor, b: torch.Tensor) -> float:
        return (a - b).norm().item()

    a, b = x[0], y[0]
    expected = 2 * pair_mean(norm, a, b) - pair_mean(norm, a, a) - pair_mean(norm, b, b)
    assert energy_distance(x, y).item() == pytest.approx(expected, abs=1e-12)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normals(50, 4), normals(40, 4, "y")
    whole = energy_distance(x, y)
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 3 * 40 * 7)
    torch.testing.assert_close(energy_distance(x, y), whole, rtol=0, atol=1e-12)


@pytest.mark.check("catalogue 14", "The energy distance of equal distributions averages 0, unclipped.")
def test_is_zero_in_the_mean_for_equal_distributions_and_not_clipped() -> None:
    values = energy_distance(normals(60, 2, "x", members=400), normals(60, 2, "y", members=400))
    error = values.std().item() / math.sqrt(len(values))
    assert abs(values.mean().item()) < 4 * error
    assert (values < 0).double().mean() > 0.3


@pytest.mark.check("catalogue 14", "The energy distance of a set to itself is slightly negative.")
def test_a_set_against_itself_is_barely_negative() -> None:
    x = normals(500, 2)
    values = energy_distance(x, x)
    assert ((values < 0) & (values > -0.02)).all()


def test_shifted_normals_match_the_closed_form() -> None:
    # 1-d: E|X − Y| for X − Y ~ N(μ, 2) is 2 φ(μ/√2)·√2 + μ (2 Φ(μ/√2) − 1)
    def mean_distance(shift: float) -> float:
        t = shift / math.sqrt(2)
        density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
        return math.sqrt(2) * (2 * density + t * math.erf(t / math.sqrt(2)))

    expected = 2 * mean_distance(1.5) - 2 * mean_distance(0.0)
    values = energy_distance(normals(1000, 1, "x", members=20), normals(1000, 1, "y", members=20) + 1.5)
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx(expected, abs=4 * error)
    assert error < 0.02


def test_duplicates_of_large_numbers_stay_at_distance_zero() -> None:
    x = torch.full((1, 10, 50), 1e4, dtype=torch.float32)
    assert energy_distance(x, x).item() == 0.0


def test_members_do_not_mix() -> None:
    x, y = normals(30, 2), normals(20, 2, "y")
    broken = x.clone()
    broken[1] = torch.nan
    assert energy_distance(broken, y)[1].isnan()
    torch.testing.assert_close(energy_distance(broken, y)[[0, 2]], energy_distance(x, y)[[0, 2]])


def test_null_is_the_energy_distance_of_two_halves_of_the_pool_whatever_its_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = normals(30, 3, members=1)[0]
    value = energy_null(pool, 12, 1, torch.Generator().manual_seed(5))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(5))
    expected = energy_distance(pool[order[:12]][None], pool[order[12:]][None])
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)
    pool = normals(50, 3, members=1)[0]
    whole = energy_null(pool, 20, 5, torch.Generator().manual_seed(5))
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 7 * 50)
    cut = energy_null(pool, 20, 5, torch.Generator().manual_seed(5))
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-12)


def test_null_scatters_around_zero() -> None:
    values = energy_null(normals(200, 2, members=1)[0], 120, 400, torch.Generator().manual_seed(0))
    assert abs(values.mean().item()) < 4 * values.std().item() / 20
    assert values.std().item() > 0


# ---- MMD


def test_mmd_equals_the_double_sum_written_out() -> None:
    x, y = normals(6, 2, members=1), normals(5, 2, "y", members=1)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        square = (a - b).square().sum().item()
        return sum(math.exp(-square / (2 * (f * 1.5) ** 2)) for f in (0.5, 1.0, 2.0)) / 3

    a, b = x[0], y[0]
    expected = pair_mean(kernel, a, a) + pair_mean(kernel, b, b) - 2 * pair_mean(kernel, a, b)
    assert mmd(x, y, 1.5).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.check("catalogue 14", "MMD is unbiased: equal distributions give negative values too.")
def test_mmd_is_unbiased_so_that_equal_sets_go_below_zero() -> None:
    x, y = normals(50, 2, members=200), normals(50, 2, "y", members=200)
    found = mmd(x, y, 1.0)
    assert found.min() < 0 < found.max()
    assert found.mean().abs() < 4 * found.std() / 200**0.5
    assert (mmd(x[:3], y[:3] + 1, 1.0) > 0.1).all()


def test_mmd_null_is_what_splitting_by_hand_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = normals(40, 3, members=1)[0]
    found = mmd_null(pool, 20, 5, 1.0, torch.Generator().manual_seed(3))
    by_hand = split_null(pool, 5, lambda a, b: mmd(a, b, 1.0), torch.Generator().manual_seed(3))
    torch.testing.assert_close(found, by_hand)
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 40 * 7)
    cut = mmd_null(pool, 20, 5, 1.0, torch.Generator().manual_seed(3))
    torch.testing.assert_close(cut, found, rtol=0, atol=1e-12)


# ---- sliced Wasserstein


@pytest.mark.check("catalogue 14", "The sliced W2 of a shift v is ‖v‖/√D.")
def test_a_shift_moves_every_projection() -> None:
    """Shifted by v, each 1-d distance is |v·θ|: the root mean square is ‖v‖/√D."""
    x = normals(100, 4)
    shift = torch.tensor([3.0, 0, 0, 4.0], dtype=torch.float64)
    found = sliced_w2(x, x + shift, 20_000)
    assert found.tolist() == pytest.approx([5 / 2] * 3, rel=0.02)
    assert sliced_w2(x, x.flip(1)).abs().max() < 1e-12  # the same points in another order


def test_sliced_w2_of_scaled_normals() -> None:
    """N(0, 1) against N(0, 2²) in 1-d: W2 = 1."""
    found = sliced_w2(normals(20_000, 1), 2 * normals(20_000, 1, "y"), 4)
    assert found.tolist() == pytest.approx([1.0] * 3, abs=0.05)


def test_sliced_w2_refuses_sets_of_two_sizes() -> None:
    with pytest.raises(ValueError, match="one size"):
        sliced_w2(normals(5, 2), normals(6, 2))


# ---- Fréchet


@pytest.mark.check("catalogue 14", "The Fréchet distance is exact for sets with known moments.")
def test_frechet_of_sets_with_known_moments() -> None:
    """Whitened to mean 0 and covariance I exactly, then moved: ‖m‖² + Σ (s − 1)²."""
    x = normals(500, 3)
    x = x - x.mean(1, keepdim=True)
    white = torch.stack([a @ torch.linalg.inv(torch.linalg.cholesky(a.T.cov())).T for a in x])
    scale, shift = torch.tensor([2.0, 1.0, 0.5]).double(), torch.tensor([1.0, -2.0, 0.0]).double()
    found = frechet(white, white * scale + shift)
    assert found.tolist() == pytest.approx([5 + 1 + 0.25] * 3, abs=1e-9)
    assert frechet(x, x).abs().max() < 1e-9
    turned = torch.linalg.qr(normals(3, 3, "q", members=1)[0]).Q
    torch.testing.assert_close(frechet(white @ turned, (white * scale + shift) @ turned), found)


def test_frechet_of_a_line() -> None:
    found = frechet(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[[5.0], [5.0]]]))
    assert found.item() == pytest.approx(16 + 2)  # means 1 and 5, variances 2 and 0
