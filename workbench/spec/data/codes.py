"""Finite sets of binary vectors, each equally likely."""

from workbench.spec.data.base import DataSource

ONEHOT4 = DataSource("onehot4", "workbench.engine.data.codes:onehot4", examples=4096, small=True, shape=(4,))
ONEHOT8 = DataSource("onehot8", "workbench.engine.data.codes:onehot8", examples=4096, small=True, shape=(8,))
BITS8 = DataSource("bits8", "workbench.engine.data.codes:bits8", examples=4096, small=True, shape=(8,))
