"""Published values of a study: which row they belong to, and faults with file and line."""

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.metrics import METRICS
from workbench.spec.reference_values import read_published
from workbench.spec.studies import list_studies
from workbench.toml import parse_toml

TEXT = """
[published]
source = "A. Author 2020"

[published.ais]
"avb" = "−91.2 ± 0.6"
"avb model.latent=8" = "-89.6"
"""


def test_the_row_with_the_most_settings_wins():
    published = read_published(parse_toml(TEXT, "s.toml"))
    plain, special = (published.find("ais", "avb", {"model.latent": latent}) for latent in (2, 8))
    assert plain is not None and (plain.text, plain.number) == ("−91.2 ± 0.6", -91.2)
    assert special is not None and special.number == -89.6
    assert published.find("ais", "vae", {}) is None
    assert published.find("iwae", "avb", {}) is None


def test_shipped_studies_name_their_own_presets_and_say_where_values_are_from():
    found = [study for study in list_studies() if study.published.values]
    assert {"avb-loglik", "lae-paper", "robust"} <= {study.name for study in found}
    for study in found:
        assert {value.preset for value in study.published.values} <= {"", *study.presets}  # "": by a label
        assert {value.metric for value in study.published.values} <= set(METRICS) & set(study.layout.metrics)
        assert study.published.source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("published = 3", "s.toml:1: published: must be a section with source"),
        ("[published]\n[published.ais]\na = '1'", "must be a section with source"),
        ("[published]\nsource = 'x'\naisq = {}", "s.toml:3: there is no metric 'aisq'.*Did you mean 'ais'"),
        ("[published]\nsource = 'x'\nais = 3", "s.toml:3: must be a section"),
        ("[published]\nsource = 'x'\n[published.ais]\na = -91", "s.toml:4: a: must be text that begins"),
        ("[published]\nsource = 'x'\n[published.ais]\na = 'about 3'", "must be text that begins"),
        ("[published]\nsource = 'x'\n[published.ais]\n'a b' = '1'", 'a row is named "preset key=value'),
    ],
)
def test_faults(text: str, message: str) -> None:
    with pytest.raises(WorkbenchError, match=message):
        read_published(parse_toml(text, "s.toml"))
