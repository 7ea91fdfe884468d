"""--grid, --zip and --random: which points they make, and what is refused."""

import math

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.points import is_law, sweep_points


def values(points):
    return [tuple(override.value for override in point) for point in points]


def test_grids_combine_with_the_last_turning_fastest():
    assert values(sweep_points(["a.x=1,2", "a.y=3,4"])) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert sweep_points() == [()]


def test_a_zip_pairs_its_values_and_is_crossed_with_the_grid():
    paired = sweep_points([], ["model.latent=2,8", "model.encoder=[32],[64, 64]"])
    assert values(paired) == [(2, [32]), (8, [64, 64])]
    crossed = sweep_points(["training.lr=1e-3,1e-4"], ["model.latent=2,8,8", "training.batch=10,20,30"])
    assert values(crossed) == [(lr, *pair) for lr in (1e-3, 1e-4) for pair in ((2, 10), (8, 20), (8, 30))]


LAWS = [
    "training.lr=loguniform(1e-4, 1e-2)",
    "model.beta=uniform(-1, 3)",
    "model.latent=randint(2, 4)",
    "model.encoder=choice([32], [64, 64])",
]


def test_draws_follow_their_laws():
    drawn = values(sweep_points(laws=LAWS, draws=2000))
    lr, beta, latent, encoder = zip(*drawn, strict=True)
    assert min(lr) >= 1e-4 and max(lr) <= 1e-2 and min(beta) >= -1 and max(beta) <= 3
    # the mean of 2000 uniform numbers is within 5 standard errors of the middle
    for column, low, high in (([math.log10(x) for x in lr], -4, -2), (beta, -1, 3)):
        error = (high - low) / math.sqrt(12 * 2000)
        assert abs(sum(column) / 2000 - (low + high) / 2) < 5 * error
    assert {latent.count(n) > 550 for n in (2, 3, 4)} == {True} and set(latent) == {2, 3, 4}
    assert {encoder.count(widths) > 850 for widths in ([32], [64, 64])} == {True}
    assert all(len(f"{x:g}") <= 9 for x in lr), "a drawn number is short enough for a name"


def test_draws_are_reproducible_and_more_of_them_begin_with_the_same():
    first = values(sweep_points(laws=LAWS, draws=5, seed=3))
    assert values(sweep_points(laws=LAWS, draws=9, seed=3))[:5] == first
    assert values(sweep_points(laws=LAWS, draws=5, seed=4)) != first
    alone = values(sweep_points(laws=LAWS[:1], draws=5, seed=3))
    assert [point[:1] for point in first] == alone, "another key changes no draw of this one"
    assert values(sweep_points(laws=LAWS[:1], draws=3)) == [(0.0002999,), (0.004749,), (0.00568,)]


def test_draws_are_crossed_with_grid_and_zip():
    points = values(sweep_points(["a.x=1,2"], ["b.x=3,4", "b.y=5,6"], ["c.x=uniform(0, 1)"], 3))
    assert len(points) == 2 * 2 * 3
    assert len({point[3] for point in points}) == 3, "each of the others meets the same draws"


def test_only_a_whole_value_is_a_law():
    assert is_law("a.x= choice(1, 2) ") and not is_law("a.x=my choice(1, 2)") and not is_law("a.x=1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": ["a.x=1,,2"]}, "--grid a.x=1,,2: a value is missing"),
        ({"grid": ["a.x="]}, "a value is missing"),
        ({"grid": ["a.x=1,1"]}, "a value is given twice"),
        ({"grid": ["a.x=1,2", "a.x=3"]}, "--grid a.x: given twice"),
        ({"grid": ["a.x=1,2"], "zipped": ["a.x=3"]}, "--zip a.x: given twice"),
        ({"grid": ["a.x=1,2"], "laws": ["a.x=choice(1, 2)"], "draws": 2}, "--set a.x: given twice"),
        ({"grid": [f"a.x{k}=" + ",".join(map(str, range(100))) for k in range(3)]}, "1000000 runs"),
        ({"grid": ["a.x=1,2"], "laws": ["a.y=uniform(0, 1)"], "draws": 5001}, "10002 runs"),
        ({"zipped": ["a.x=1,2", "a.y=1,2,3"]}, "--zip a.y: has 3 values, and a.x has 2"),
        ({"laws": ["a.x=choice(1, 2)"]}, "--set a.x=choice.1, 2.: needs --random N"),
        ({"draws": 3}, "--random: no --set has a distribution"),
        ({"laws": ["a.x=loguniform(0, 1)"], "draws": 3}, "loguniform needs numbers above zero"),
        ({"laws": ["a.x=uniform(2, 1)"], "draws": 3}, "the smaller one first"),
        ({"laws": ["a.x=uniform(0, inf)"], "draws": 3}, "finite"),
        ({"laws": ["a.x=uniform(0)"], "draws": 3}, "needs two numbers"),
        ({"laws": ["a.x=uniform(true, 2)"], "draws": 3}, "needs two numbers"),
        ({"laws": ["a.x=randint(0, 2.5)"], "draws": 3}, "needs two whole numbers"),
        ({"laws": ["a.x=choice(1,,2)"], "draws": 3}, "choice needs values"),
        ({"laws": ["lr x=choice(1)"], "draws": 3}, "not of the form"),
    ],
)
def test_refusals(given, words):
    with pytest.raises(WorkbenchError, match=words):
        sweep_points(**given)
