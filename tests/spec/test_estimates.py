"""What a spec may ask to be measured, and what is said of a text that asks for something else."""

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.estimates import estimate_class, planned
from workbench.spec.forms import form_fields
from workbench.spec.resolve import resolve


def test_a_text_is_a_name_and_settings():
    found = planned(["ais images=100 chains=4 schedule=sigmoid", "probe"])
    assert list(found) == ["ais", "probe"]
    assert (found["ais"].images, found["ais"].chains, found["ais"].schedule) == (100, 4, "sigmoid")
    assert found["probe"] == estimate_class("probe")()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["aiss"]', "There is no evaluation 'aiss'. Did you mean 'ais'?"),
        ('["ais imags=3"]', "ais imags=3: imags: unknown key, did you mean 'images'?"),
        ('["ais images=few"]', "ais images=few: images: must be a whole number, got 'few'."),
        ('["ais images"]', "ais images: not of the form key=value. Example: images=100."),
        ('["ais a.images=3"]', "ais a.images=3: not of the form key=value. Example: images=100."),
        ('["ais", "ais images=9"]', "'ais' is given twice. Put all its settings into one text."),
        ('[""]', "There is no evaluation ''. Known: ais, "),
    ],
)
def test_a_fault_is_one_sentence_with_its_place(text, said):
    source = f"--set evaluation.estimates={text}"
    with pytest.raises(WorkbenchError) as raised:
        resolve("vae-digits", [source.removeprefix("--set ")])
    assert str(raised.value).startswith(f"{source}: evaluation.estimates: {said}")


@pytest.mark.parametrize(
    ("preset", "metric", "said"),
    [
        ("ddpm-moons", "ais", "ais needs latents, and the family ddpm has none."),
        ("clf-digits", "mmd", "mmd needs samples, and the family classifier has none."),
        (
            "vae-digits",
            "thermodynamic",
            "thermodynamic needs an energy-based prior, and the family vae has none.",
        ),
        ("vae-digits", "quadrature", "quadrature needs one or two latent dimensions; take ais instead."),
    ],
)
def test_what_makes_no_sense_for_the_family_is_refused_before_it_trains(preset, metric, said):
    with pytest.raises(WorkbenchError) as raised:
        resolve(preset, [f"evaluation.estimates={metric}"])
    assert str(raised.value).endswith(f"evaluation.estimates: {said}")


def test_what_makes_sense_is_not_refused():
    resolve("ddpm-moons", ["evaluation.estimates=energy"])
    resolve("lebm-svhn", ['evaluation.estimates=["thermodynamic", "gradient-variance", "ais"]'])
    resolve("avb-onehot4", ["evaluation.estimates=quadrature"])


def test_one_needs_no_list_and_the_form_shows_what_can_be_typed_back():
    spec = resolve("vae-digits", ["evaluation.estimates=ais images=9", "evaluation.estimates_every=50"])
    assert spec.evaluation.estimates == ["ais images=9"]
    fields = {field.key: field for field in form_fields(spec)}
    item = fields["evaluation.estimates"]
    assert item.type == "list" and item.description and fields["evaluation.estimates_every"].unit
    assert resolve("vae-digits", [f"{item.key}={item.text}"]).evaluation.estimates == ["ais images=9"]


def test_curves_need_something_to_draw():
    with pytest.raises(WorkbenchError, match=r"estimates_every needs evaluation.estimates"):
        resolve("vae-digits", ["evaluation.estimates_every=50"])
