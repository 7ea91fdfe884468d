"""The handwritten digits that scikit-learn ships."""

from workbench.spec.data.base import DataSource

DIGITS = DataSource("digits", "workbench.engine.data.digits:digits", examples=1437, small=True, shape=(8, 8))
