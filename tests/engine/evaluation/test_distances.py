"""The energy distance against closed forms, brute force, and what an unbiased estimate must do."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.engine.evaluation import distances
from workbench.engine.evaluation.distances import energy_distance, energy_null
from workbench.engine.streams import Streams


def normals(count: int, dimensions: int, purpose: str = "x", members: int = 3) -> torch.Tensor:
    return Streams(range(members), dtype=torch.float64).normal(purpose, count, dimensions)


def test_equals_the_double_sum_written_out() -> None:
    x, y = normals(7, 3, "x", members=1), normals(5, 3, "y", members=1)

    def mean(a: torch.Tensor, b: torch.Tensor, same: bool) -> float:
        pairs = [
            (a[i] - b[j]).norm().item() for i in range(len(a)) for j in range(len(b)) if not same or i != j
        ]
        return sum(pairs) / len(pairs)

    a, b = x[0], y[0]
    expected = 2 * mean(a, b, False) - mean(a, a, True) - mean(b, b, True)
    assert energy_distance(x, y).item() == pytest.approx(expected, abs=1e-12)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normals(50, 4), normals(40, 4, "y")
    whole = energy_distance(x, y)
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 3 * 40 * 7)
    torch.testing.assert_close(energy_distance(x, y), whole, rtol=0, atol=1e-12)


def test_is_zero_in_the_mean_for_equal_distributions_and_not_clipped() -> None:
    values = energy_distance(normals(60, 2, "x", members=400), normals(60, 2, "y", members=400))
    error = values.std().item() / math.sqrt(len(values))
    assert abs(values.mean().item()) < 4 * error
    assert (values < 0).double().mean() > 0.3


def test_a_set_against_itself_is_barely_negative() -> None:
    x = normals(500, 2)
    values = energy_distance(x, x)
    assert (values < 0).all()
    assert (values > -0.02).all()


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


def test_null_is_the_energy_distance_of_two_halves_of_the_pool() -> None:
    pool = normals(30, 3, members=1)[0]
    value = energy_null(pool, 12, 1, torch.Generator().manual_seed(5))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(5))
    expected = energy_distance(pool[order[:12]][None], pool[order[12:]][None])
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


def test_null_does_not_depend_on_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = normals(50, 3, members=1)[0]
    whole = energy_null(pool, 20, 5, torch.Generator().manual_seed(5))
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 7 * 50)
    cut = energy_null(pool, 20, 5, torch.Generator().manual_seed(5))
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-12)


def test_null_scatters_around_zero() -> None:
    values = energy_null(normals(200, 2, members=1)[0], 120, 400, torch.Generator().manual_seed(0))
    assert abs(values.mean().item()) < 4 * values.std().item() / 20
    assert values.std().item() > 0
