"""What all families' settings have in common."""

from __future__ import annotations

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.resolve import resolve


@pytest.mark.parametrize("width", [0, -3, 100_001])
def test_a_hidden_layer_has_at_least_one_unit_and_not_too_many(width: int) -> None:
    for preset, net in (("vae-digits", "encoder"), ("lebm-moons", "prior"), ("avb-digits", "adversary")):
        with pytest.raises(WorkbenchError) as caught:
            resolve(preset, [f"model.{net}=[16, {width}]"])
        assert f"model.{net}: each width must be at least 1 and at most 100000, got {width}." in str(
            caught.value
        )


def test_widths_at_the_limits_and_no_layers_pass() -> None:
    spec = resolve("lebm-moons", ["model.prior=[1, 100000]", "model.generator=[]"])
    assert (spec.model.prior, spec.model.generator) == ([1, 100_000], [])  # type: ignore[attr-defined]
