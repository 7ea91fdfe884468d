"""The shipped presets resolve, hold only differences, and say why; folders overrule each other in order."""

import re
from pathlib import Path

import pytest

from workbench.errors import NOT_FOUND, WorkbenchError
from workbench.spec.forms import form_fields
from workbench.spec.models import built_in_kinds
from workbench.spec.presets import built_in_folder, find_preset, list_presets
from workbench.spec.resolve import resolve

SHIPPED = sorted(path.stem for path in built_in_folder().glob("*.toml"))
IDENTITY = {"model.kind", "data.name"}  # said even where they are the default


def test_the_families_are_all_there():
    assert {find_preset(name).kind for name in SHIPPED} == set(built_in_kinds())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_preset_resolves_and_holds_only_differences_that_say_why(name):
    preset = find_preset(name)
    assert preset.title != name and preset.description
    fields = {field.key: field for field in form_fields(resolve(preset))}
    for section, values in preset.table.items():
        for key in values:
            field = fields[f"{section}.{key}"]
            assert field.changed or field.key in IDENTITY, f"{name}: {field.key} equals its default"
    for line in (built_in_folder() / f"{name}.toml").read_text().splitlines():
        said = re.match(r"(title|description|kind|name) =", line)
        assert said or "=" not in line or re.search(r"\S  # .{8,}", line), line


def test_lebm_control_differs_in_f_alone():
    fields, control = (
        {field.key: field.value for field in form_fields(resolve(name))}
        for name in ("lebm-moons", "lebm-moons-flat")
    )
    assert {key for key in fields if fields[key] != control[key]} == {"model.flat_prior"}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for folder in ("config/presets", "presets"):
        Path(folder).mkdir(parents=True)
    return tmp_path


def test_here_wins_over_user_wins_over_built_in(folders):
    text = 'title = "{}"\n[model]\nkind = "vae"\n[training]\nepochs = 1\n'
    (folders / "config/presets/vae-digits.toml").write_text(text.format("mine"))
    assert (find_preset("vae-digits").title, find_preset("vae-digits").source) == ("mine", "user")
    (folders / "presets/vae-digits.toml").write_text(text.format("local"))
    assert (find_preset("vae-digits").title, find_preset("vae-digits").source) == ("local", "here")
    assert len(list_presets()) == len(SHIPPED)


def test_a_broken_file_is_listed_with_its_fault_and_hides_no_other(folders):
    (folders / "presets/bad\x1b[31m.toml").write_text("[model")
    presets = list_presets()
    assert len(presets) == len(SHIPPED) + 1
    (broken,) = [preset for preset in presets if preset.error]
    assert ":1: not valid TOML" in broken.error
    with pytest.raises(WorkbenchError, match="not valid TOML"):
        resolve(broken)


@pytest.mark.parametrize(
    "name", ["vae-digit", "../vae-digits", "/etc/passwd", "", "a\0b", "\x1b[2J", "x" * 10_000, "-rf"]
)
def test_unknown_names(name):
    with pytest.raises(WorkbenchError) as caught:
        find_preset(name)
    assert caught.value.exit_code == NOT_FOUND
    assert len(str(caught.value)) < 400
    assert name != "vae-digit" or "Did you mean 'vae-digits'" in str(caught.value)


def test_a_file_can_be_named_directly(folders):
    (folders / "mine.toml").write_text('[model]\nkind = "lae"\n[training]\nepochs = 1\n')
    assert resolve("./mine.toml").model.kind == "lae"
    with pytest.raises(WorkbenchError, match="no such file"):
        find_preset("./no.toml")
