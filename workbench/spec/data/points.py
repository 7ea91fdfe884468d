"""Generated points in the plane."""

from workbench.spec.data.base import DataSource

MOONS = DataSource("moons", "workbench.engine.data.points:moons", small=True)
SQUARE = DataSource("square", "workbench.engine.data.points:square", small=True)
