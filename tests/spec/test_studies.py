"""Study files name presets that exist, and faults name file and line."""

import pytest

from workbench.api.studies import study_specs
from workbench.errors import WorkbenchError
from workbench.spec.resolve import resolve
from workbench.spec.studies import find_study, list_studies, load_study


def test_the_starter_study_compares_four_families_on_the_same_data_and_seeds():
    study = find_study("starter")
    specs = [resolve(name, (), study.seeds) for name in study.presets]
    assert {spec.model.kind for spec in specs} == {"vae", "lae", "avb", "lebm"}
    assert len({spec.data for spec in specs}) == 1
    assert all(spec.seeds == [0, 1, 2] for spec in specs)
    assert len({spec.model.latent for spec in specs}) == 1


def test_no_shipped_study_is_broken_and_a_misspelt_one_gets_a_suggestion():
    assert not [study.error for study in list_studies() if study.error]
    with pytest.raises(WorkbenchError, match="Did you mean 'starter'"):
        find_study("startr")


def test_a_study_may_run_a_preset_at_every_point_of_a_grid():
    study = find_study("idler-grid-2d")
    specs = study_specs(study)
    assert {preset for preset, _ in specs} == {"bvae-square"}
    assert len({(spec.model.beta, spec.model.l2) for _, spec in specs}) == 12
    assert len({spec.name for _, spec in specs}) == 12
    changed = study_specs(study, ["training.epochs=1"], 2)
    assert all(spec.training.epochs == 1 and spec.seeds == [0, 1] for _, spec in changed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("presets = []", "names no preset"),
        ("title = 'a'", "names no preset"),
        ("presets = 'vae'", "must be a list of names"),
        ("presets = [3]", "must be a list of names"),
        ("presets = ['a']\ngrid = 'b'", "must be a list of names"),
        ("preset = ['a']", "unknown key, did you mean 'presets'"),
        ("presets = ['a']\nseeds = 0", ":2: seeds"),
    ],
)
def test_faults(tmp_path, text, message):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(WorkbenchError, match=message):
        load_study(path)
