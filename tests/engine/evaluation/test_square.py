"""The statistics of the uniform-square study against other arithmetic, and on the ideal answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import Tensor

from workbench.engine.data import load
from workbench.engine.evaluation import square
from workbench.engine.evaluation.square import (
    gaussian_statistics,
    is_raw_square,
    ks,
    mardia,
    nulls,
    occupancy,
    sliced_w1,
    square_summary,
)
from workbench.spec.metrics import METRICS
from workbench.spec.schema import DataSettings

COUNT = 1000


def uniform(count: int, dimensions: int = 2, seed: int = 10) -> Tensor:
    return torch.rand(count, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ks_is_scipys() -> None:
    u = uniform(300) ** 1.2
    each = [stats.kstest(column.numpy(), "uniform").statistic for column in u.T]
    assert ks(u).item() == pytest.approx(max(each), abs=1e-12)


def test_occupancy_is_pearsons_chi_square() -> None:
    x = uniform(500)
    counts = torch.histogramdd(x, bins=[10, 10], range=[0.0, 1.0, 0.0, 1.0]).hist.flatten()
    assert occupancy(x).item() == pytest.approx(stats.chisquare(counts.numpy()).statistic)
    assert occupancy(x * 3 - 1).item() > occupancy(x).item()  # what lies outside counts at the border


def test_mardia_is_its_definition_and_ignores_linear_maps() -> None:
    z = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).exp()
    centred = z - z.mean(0)
    inverse = torch.linalg.inv(centred.T @ centred / 40)
    pairs = [[(a @ inverse @ b).item() for b in centred] for a in centred]
    skewness = sum(v**3 for row in pairs for v in row) / 1600
    kurtosis = sum(pairs[i][i] ** 2 for i in range(40)) / 40 - 15
    assert [v.item() for v in mardia(z)] == pytest.approx([skewness, kurtosis])
    mapped = z @ torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [0.0, 0.0, 0.5]], dtype=torch.float64) + 7
    assert [v.item() for v in mardia(mapped)] == pytest.approx([skewness, kurtosis])


def test_mardia_in_one_dimension_is_skewness_squared_and_kurtosis() -> None:
    z = uniform(200, 1) ** 2
    skewness, kurtosis = mardia(z)
    assert skewness.item() == pytest.approx(float(stats.skew(z[:, 0].numpy())) ** 2)
    assert kurtosis.item() == pytest.approx(float(stats.kurtosis(z[:, 0].numpy())))


def test_sliced_distance_of_a_shifted_square_is_the_mean_projection_of_the_shift() -> None:
    axis = (torch.arange(60, dtype=torch.float64) + 0.5) / 60
    even = torch.cartesian_prod(axis, axis)
    assert sliced_w1(even).item() < 2e-3
    shift = torch.tensor([0.9, -0.6], dtype=torch.float64)
    expected = (shift @ square.directions(2, square.DIRECTIONS, even)).abs().mean().item()
    assert sliced_w1(even + shift).item() == pytest.approx(expected, rel=0.01)


@pytest.mark.check("section 5", "The ideal map of the square lies within every null.")
def test_the_ideal_map_lies_within_every_null() -> None:
    """z = Φ⁻¹(x) and x̂ = Φ(z) answer the study perfectly."""
    x = uniform(COUNT, seed=12)
    found = square_summary(torch.special.ndtri(x)[None], x[None], uniform(COUNT, seed=11)[None])
    assert set(found) <= set(METRICS)
    for name in ("z_ks", "z_energy", "z_mmd", "x_ks", "x_occupancy", "x_sliced"):
        assert found[name]["values"][0] < found[f"{name}_null_95"]["values"][0], name
    for name in ("ks", "occupancy", "sliced"):
        assert found[f"sample_{name}"]["values"][0] < found[f"x_{name}_null_95"]["values"][0], name
    assert found["x_low"]["values"][0] == pytest.approx(0.01, abs=0.015)
    assert found["x_high"]["values"][0] == pytest.approx(0.99, abs=0.015)
    assert found["z_kurtosis"]["values"][0] == pytest.approx(0, abs=4 * (8 * 2 * 4 / COUNT) ** 0.5)
    assert found["z_skewness"]["values"][0] == pytest.approx(24 / COUNT, abs=0.06)


@pytest.mark.check("section 5", "Uniform latents and shrunk reconstructions lie outside the null.")
def test_uniform_latents_and_shrunk_reconstructions_are_found_out() -> None:
    x = uniform(COUNT)
    latents = (x - 0.5) * 12**0.5  # unit variance, but a square
    shrunk = 0.5 + 0.88 * (x - 0.5)
    found = square_summary(latents[None], shrunk[None], shrunk[None])
    for name in ("z_ks", "z_energy", "z_mmd", "x_ks", "x_occupancy", "x_sliced"):
        assert found[name]["values"][0] > 1.2 * found[f"{name}_null_95"]["values"][0], name
    assert found["z_kurtosis"]["values"][0] < -1  # light tails
    assert found["x_low"]["values"][0] == pytest.approx(0.5 - 0.88 * 0.49, abs=0.015)


def test_nulls_hold_for_95_of_100_true_sets() -> None:
    limits = nulls(200, 1)
    inside = [ks(uniform(200, 1, seed)).item() < limits["z_ks_null_95"] for seed in range(100, 400)]
    assert sum(inside) / 300 == pytest.approx(0.95, abs=0.06)
    # the limit of Kolmogorov's distribution, 1.358 / √n
    assert limits["z_ks_null_95"] == pytest.approx(1.358 / 200**0.5, rel=0.12)
    assert nulls(200, 2)["x_occupancy_null_95"] == pytest.approx(float(stats.chi2.ppf(0.95, 99)), rel=0.08)


def test_a_member_that_is_not_finite_has_no_numbers_and_spoils_no_other() -> None:
    x = uniform(300).repeat(2, 1, 1)
    z = torch.special.ndtri(x)
    alone = square_summary(z[:1], x[:1], x[:1])
    z[1, 5], x[1, 7] = torch.nan, torch.inf
    both = square_summary(z, x, x)
    for name, value in both.items():
        assert value["values"][0] == alone[name]["values"][0], name
        assert value["values"][1] is None or "null" in name or name in ("x_low", "x_high"), name


def test_a_collapsed_latent_of_one_value_does_not_raise() -> None:
    found = gaussian_statistics(torch.zeros(100, 2, dtype=torch.float64))
    assert found["z_ks"].item() == pytest.approx(0.5)


def test_only_the_raw_square_is_judged() -> None:
    for settings, expected in (
        (DataSettings(name="square", standardise=False, train_size=100, test_size=50), True),
        (DataSettings(name="square", train_size=100, test_size=50), False),
        (DataSettings(name="moons", standardise=False, train_size=100, test_size=50), False),
    ):
        assert is_raw_square(load(settings, Path("absent"), False)) == expected
