"""Families with convolutional nets keep the promises that such nets could break."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

# the same tests, of other families
from tests.contracts.test_model_contract import (
    alone,
    rough_fits,
    test_a_member_trains_as_if_it_were_alone,
    test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit,
    test_a_step_reports_one_known_number_per_member,
    test_a_training_step_never_waits_for_the_device,
    test_shapes_of_everything_that_can_be_asked,
    together,
)
from tests.engine.small import CONVOLUTIONAL, load_data, small_spec
from workbench.engine.data.batch import Batch
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.spec.models import built_in_kinds, settings_class

__all__ = [
    "alone",
    "rough_fits",
    "test_a_member_trains_as_if_it_were_alone",
    "test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit",
    "test_a_step_reports_one_known_number_per_member",
    "test_a_training_step_never_waits_for_the_device",
    "test_shapes_of_everything_that_can_be_asked",
    "together",
]


@pytest.fixture(params=sorted(CONVOLUTIONAL), scope="module")
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_family_with_such_nets_is_here() -> None:
    fields = {kind: settings_class(kind).model_fields for kind in built_in_kinds()}
    able = {kind for kind in fields if "net" in fields[kind] and fields[kind]["net"].default == "dense"}
    assert {name.split("/")[0] for name in CONVOLUTIONAL} == able
    assert {table["model"]["net"] for table in CONVOLUTIONAL.values()} == {"conv", "residual"}


class MetaStreams(Streams):
    """Streams of shapes without numbers."""

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return torch.empty(len(self.seeds), *shape, device="meta", dtype=self.dtype)

    uniform = normal

    def fork(self, name: str) -> MetaStreams:
        return self


@pytest.mark.check("whole 8", "Evaluating and sampling read no number from the device.")
@pytest.mark.parametrize("name", sorted(CONVOLUTIONAL))
def test_it_is_evaluated_and_sampled_where_no_number_can_be_read(name: str) -> None:
    """On the device `meta` tensors have shapes alone, and reading a number raises."""
    spec = small_spec(name, [0, 1])
    data = load_data(spec).info
    built = build_model(spec, data, Streams([0, 1], dtype=torch.float64)).to("meta")
    streams = MetaStreams([0, 1], dtype=torch.float64)
    x = torch.empty(2, 7, data.dimensions, device="meta", dtype=torch.float64)
    label = torch.empty(2, 7, device="meta", dtype=torch.int64)
    values = built.evaluate_batch(Batch(x, label, label), streams)
    assert values and all(value.shape == (2, 7) for value in values.values())
    if built.generative:
        assert built.sample(5, streams).shape == (2, 5, data.dimensions)
