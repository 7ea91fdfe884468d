"""Planes that latents are shown in: the same data always give the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.results.pca import principal_plane, view_span


def test_two_dimensions_are_shown_as_they_are() -> None:
    z = np.array([[1.0, 2.0], [3.0, -4.0]])
    np.testing.assert_array_equal(principal_plane(z)(z), z)


def test_one_dimension_lies_on_a_line() -> None:
    out = principal_plane(np.ones((4, 1)))(np.arange(4.0)[:, None])
    assert out.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]


def test_the_plane_holds_the_largest_variances_with_signs_that_do_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 5)) * [0.1, 5.0, 0.1, 2.0, 0.1]
    plane = principal_plane(z)
    assert plane.explained > 0.99
    assert np.abs(plane.axes).argmax(0).tolist() == [1, 3]
    np.testing.assert_allclose(principal_plane(z[::-1]).axes, plane.axes, atol=1e-12)
    assert (plane.axes[[1, 3], [0, 1]] > 0).all()


def test_values_that_are_not_finite_or_huge_do_not_spoil_the_plane() -> None:
    z = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    z[3, 2] = np.nan
    z[4, 0] = np.inf
    out = principal_plane(z)(z)
    assert np.isnan(out[[3, 4]]).all() and np.isfinite(np.delete(out, [3, 4], 0)).all()
    assert np.isfinite(principal_plane(z[5:].astype(float) * 1e200).axes).all()
    assert np.isfinite(principal_plane(np.full((5, 3), np.nan)).axes).all()


def test_another_number_of_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[n, 3\]"):
        principal_plane(np.eye(3))(np.eye(4))


def test_the_view_shows_all_but_strays() -> None:
    values = np.linspace(0, 1, 1001)
    assert view_span(values) == (0.0, 1.0)
    low, high = view_span(np.append(values, 1e6))
    assert low == 0.0 and 1.0 < high < 1.5
    assert view_span(np.full(3, np.nan)) == (0.0, 1.0)
