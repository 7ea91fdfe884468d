"""The spec's own rules: one length, distinct seeds, and a group that ignores what does not change results."""

import pytest
from pydantic import ValidationError

from workbench.spec.schema import RunSpec

TABLE = {"model": {"kind": "vae"}, "training": {"epochs": 1}}


def spec(**changes) -> RunSpec:
    return RunSpec.model_validate({**TABLE, **changes})


def test_the_group_ignores_seeds_name_and_place_but_nothing_else():
    group = spec().group_hash()
    assert group == spec(seeds=[4, 5], name="x", resources={"device": "cpu", "threads": 2}).group_hash()
    assert group != spec(model={"kind": "vae", "latent": 11}).group_hash()
    assert group == spec(evaluation={"estimates": []}).group_hash()
    assert group != spec(evaluation={"estimates": ["probe"]}).group_hash()
    assert group != spec(data={"seed": 1}).group_hash()
    assert group != spec(data={"validation_size": 140}).group_hash()
    assert group != spec(training={"epochs": 2}).group_hash()


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"epochs": 1, "iterations": 1}},
        {"training": {"epochs": 1, "lr": float("nan")}},
        *({"seeds": []}, {"seeds": [-1]}, {"name": ""}, {"schema_number": 2}),
        {"model": {"kind": "vae", "transitions": 3}},
    ],
)
def test_refused(changes):
    with pytest.raises(ValidationError):
        spec(**changes)
    assert spec(model={"kind": "lae", "transitions": 3}).model.transitions == 3  # which the VAE has not
