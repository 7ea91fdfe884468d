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
    assert group != spec(data={"seed": 1}).group_hash()
    assert group != spec(training={"epochs": 2}).group_hash()


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {}},
        {"training": {"epochs": 1, "iterations": 1}},
        {"seeds": [1, 1]},
        {"seeds": []},
        {"seeds": [-1]},
        {"model": {"kind": ["vae"]}},
        {"model": {}},
        {"name": ""},
        {"training": {"epochs": 1, "lr": float("nan")}},
        {"schema_number": 2},
    ],
)
def test_refused(changes):
    with pytest.raises(ValidationError):
        spec(**changes)


def test_the_family_decides_which_settings_there_are():
    assert spec(model={"kind": "lae", "transitions": 3}).model.transitions == 3
    with pytest.raises(ValidationError):
        spec(model={"kind": "vae", "transitions": 3})
