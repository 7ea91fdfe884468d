"""Generated points in the plane."""

from workbench.spec.data.base import DataSource

MOONS = DataSource("moons", "workbench.engine.data.points:moons", examples=2000, small=True, shape=(2,))
SQUARE = DataSource("square", "workbench.engine.data.points:square", examples=10_000, small=True, shape=(2,))
