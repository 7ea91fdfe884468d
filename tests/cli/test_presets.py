"""`presets ls` and `presets show` print everything a person or a program needs."""

import json

from workbench.spec.presets import built_in_folder


def test_ls_names_every_preset(cli):
    answer = cli("presets", "ls")
    assert answer.code == 0
    listed = [line.split()[0] for line in answer.out.splitlines()[1:]]
    assert listed == sorted(path.stem for path in built_in_folder().glob("*.toml"))


def test_show_prints_value_default_unit_and_meaning(cli):
    answer = cli("presets", "show", "vae-digits", "--set", "training.epochs=3")
    (latent,) = [line for line in answer.out.splitlines() if line.startswith("latent ")]
    assert latent.split()[1:5] == ["*", "8", "10", "dimensions"] and "latent dimensions" in latent
    (epochs,) = [line for line in answer.out.splitlines() if line.startswith("epochs ")]
    assert "3" in epochs.split()


def test_json_of_show(cli):
    shown = json.loads(cli("presets", "show", "lae-paper-mnist", "--json").out)
    fields = {field["key"]: field for field in shown["fields"]}
    assert fields["model.step_size"]["value"] == 1e-6 and fields["model.step_size"]["changed"]
    assert fields["training.optimiser"]["choices"] == ["adam", "adamw", "sgd"]
    assert shown["seeds"] == [0]


def test_json_of_ls_and_a_broken_preset(cli, tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "bad.toml").write_text("[model")
    answer = cli("presets", "ls")
    assert answer.code == 0 and "presets/bad.toml:1: not valid TOML" in answer.err
    listed = {preset["name"]: preset for preset in json.loads(cli("presets", "ls", "--json").out)}
    assert "not valid TOML" in listed["bad"]["error"]
    assert listed["avb-onehot4"]["kind"] == "avb" and listed["avb-onehot4"]["error"] == ""
    assert cli("presets", "show", "bad").code == 2


def test_studies_ls(cli):
    (starter,) = [s for s in json.loads(cli("studies", "ls", "--json").out) if s["name"] == "starter"]
    assert starter["presets"] == ["vae-digits", "lae-digits", "avb-digits", "lebm-digits"]
    assert "vae-digits, lae-digits" in cli("studies", "ls").out


def test_another_family_than_the_presets_own_says_what_it_leaves_out(cli):
    answer = cli("presets", "show", "avb-digits", "--set", "model.kind=vae")
    assert answer.code == 0 and answer.err == "vae does not take adversary_lr from before: left out.\n"
    assert "adversary" not in answer.out
    assert cli("presets", "show", "avb-digits").err == ""
