"""The form knows every field, and what it shows can be typed back as an override."""

import pytest

from workbench.spec.forms import form_fields
from workbench.spec.resolve import resolve


@pytest.mark.parametrize("name", ["vae-digits", "lae-paper-mnist", "avb-mnist", "lebm-moons"])
def test_shown_texts_are_overrides_that_give_the_same_spec(name):
    spec = resolve(name)
    again = resolve(name, [f"{field.key}={field.text}" for field in form_fields(spec) if field.text])
    assert again == spec


def test_fields_carry_type_unit_choices_and_limits():
    fields = {field.key: field for field in form_fields(resolve("vae-digits"))}
    assert all(field.description for field in fields.values())
    assert fields["training.epochs"].optional and fields["training.epochs"].text == ""
    assert fields["training.epochs"].type == "int" and fields["training.epochs"].unit == "epochs"
    assert fields["training.lr"].limits == "> 0, ≤ 10"
    assert fields["data.binarise"].choices == ("none", "static", "dynamic", "threshold")
    assert fields["model.encoder"].type == "list" and fields["model.encoder"].text == "[128]"
    assert fields["model.latent"].changed and fields["model.latent"].default == 10
    assert not fields["training.lr"].changed
