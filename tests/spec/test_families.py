"""Another family in a preset: its own settings go, what fits stays, and both are told."""

from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.models import model_kinds
from workbench.spec.presets import find_preset, list_presets, load_preset
from workbench.spec.resolve import expand, family_note, family_notes, left_out, misfits, resolve


@pytest.mark.parametrize("kind", model_kinds())
def test_every_family_can_be_set_in_every_preset(kind):
    for preset in list_presets():
        spec = resolve(preset, [f"model.kind={kind}"])
        assert spec.model.kind == kind and spec.training == resolve(preset).training


def test_what_fits_stays_and_the_rest_goes():
    avb, vae = resolve("avb-digits"), resolve("avb-digits", ["model.kind=vae"])
    assert avb.model.latent == vae.model.latent == 8
    assert left_out(find_preset("avb-digits"), "vae") == ["adversary_lr"]
    assert left_out(find_preset("avb-digits"), "avb") == []


def test_a_key_of_the_same_name_with_another_meaning_goes():
    preset = find_preset("avb-mnist")
    assert preset.table["model"]["noise"] == 32  # units of noise; the LAE's noise is a rule
    assert (
        "noise" in left_out(preset, "lae") and resolve(preset, ["model.kind=lae"]).model.noise == "langevin"
    )


def test_a_grid_over_families():
    specs = expand("avb-digits", (), ["model.kind=avb,vae"])
    assert [spec.model.kind for spec in specs] == ["avb", "vae"]


@pytest.mark.parametrize("kind", ["vae", "lae"])
def test_a_misspelt_key_of_the_preset_is_told_whatever_the_family(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text('[model]\nkind = "lae"\nlatnt = 8\n[training]\nepochs = 1\n')
    with pytest.raises(WorkbenchError, match=r"x.toml:3: model.latnt: unknown key, did you mean 'latent'"):
        resolve(load_preset(Path("x.toml")), [f"model.kind={kind}"])


def test_a_change_of_ones_own_that_the_family_does_not_know_is_a_fault():
    with pytest.raises(WorkbenchError, match=r"--set model.metropolis=false: model.metropolis: unknown key"):
        resolve("lae-digits", ["model.metropolis=false", "model.kind=vae"])


@pytest.mark.parametrize("text", ["[1]", "3", "lea"])
def test_what_is_no_family(text):
    with pytest.raises(WorkbenchError, match=r"--set model.kind="):
        resolve("vae-digits", [f"model.kind={text}"])
    assert misfits({"latent": 3}, text) == []


def test_the_sentence():
    assert family_note("vae", []) == ""
    assert family_note("vae", ["draws"]) == "vae does not take draws from before: left out."
    assert family_note("vae", "abcdef") == "vae does not take a, b, c, d and 2 more from before: left out."
    assert family_notes(find_preset("avb-digits"), ["avb", "vae", "vae"]) == [
        "vae does not take adversary_lr from before: left out."
    ]
