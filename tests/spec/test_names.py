"""A run's default name: what it was made from, and what differs."""

from pathlib import Path

import pytest
import tomli_w

from workbench.spec.names import LONGEST, run_name, short_keys
from workbench.spec.presets import find_preset, load_preset, preset_of
from workbench.spec.resolve import expand, resolve
from workbench.toml import parse_toml


@pytest.mark.parametrize(
    ("preset", "changes", "name"),
    [
        ("vae-digits", [], "vae-digits"),
        ("vae-digits", ["model.latent=16", "training.lr=3e-4"], "vae-digits latent=16 lr=3e-4"),
        ("vae-digits", ["training.lr=0.5", "model.latent=8"], "vae-digits lr=0.5"),  # its latent is 8
        ("vae-digits", ["model.latent=2", "model.latent="], "vae-digits latent=10"),  # the default
        ("vae-digits", ["resources.device=cpu", "resources.threads=2"], "vae-digits"),
        ("vae-digits", ["training.epochs=3"], "vae-digits epochs=3"),
        ("vae-digits", ["model.encoder=[64, 32]"], "vae-digits encoder=[64,32]"),
        ("vae-digits", ["model.kind=lae"], "vae-digits kind=lae"),
        ("avb-digits", ["model.noise=4", "data.noise=0.1"], "avb-digits model.noise=4 data.noise=0.1"),
        (
            "vae-digits",
            ["data.name=moons", "model.likelihood=gaussian"],
            "vae-digits likelihood=gaussian data.name=moons",
        ),
        ("vae-digits", ["name=mine", "model.latent=2"], "mine"),
        ("vae-digits", ["name="], "vae-digits"),
    ],
)
def test_names(preset, changes, name):
    assert resolve(preset, changes).name == name


def test_points_of_a_sweep_have_the_values_that_vary_even_where_the_preset_has_them():
    specs = expand("vae-digits", ["training.lr=3e-4"], ["model.latent=8,16"])
    assert [spec.name for spec in specs] == [f"vae-digits latent={n} lr=3e-4" for n in (8, 16)]
    assert [spec.name for spec in expand("vae-digits", ["name=mine"], ["model.latent=8,16"])] == [
        "mine latent=8",
        "mine latent=16",
    ]


def test_a_long_name_keeps_what_varies():
    fixed = [
        "training.clip=1",
        "model.encoder=[512, 512, 512]",
        "evaluation.samples=20",
        "data.noise=0.3",
        "training.log_every=7",
        "training.batch=17",
    ]
    specs = expand("vae-digits", fixed, ["training.snapshot_every=4,5"])
    assert len({spec.name for spec in specs}) == 2
    for spec in specs:
        assert len(spec.name) <= LONGEST and "snapshot_every=" in spec.name and spec.name.endswith(" …")


def test_the_spec_of_a_run_is_a_preset(tmp_path):
    spec = resolve("vae-digits", ["model.latent=16"], "0,7")
    path = tmp_path / "spec.toml"
    path.write_text(tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True)))
    again = resolve(load_preset(path))
    assert again == spec and again.group_hash() == spec.group_hash()
    assert resolve(str(path), ["training.lr=3e-4"], 1).name == "vae-digits latent=16 lr=3e-4"
    assert resolve(str(path), ["model.latent=4"]).name == "vae-digits latent=4"
    text = path.read_text()
    from_run = preset_of(parse_toml(text, "spec.toml"), "spec", path, "run", "vae-digits")
    assert resolve(from_run, ["model.latent=8"]).name == "vae-digits", "as its preset again"
    assert resolve(from_run, ["training.lr=3e-4"]).name == "vae-digits latent=16 lr=3e-4"


def test_the_spec_of_a_run_of_0_1_0_is_a_preset():
    (path,) = (Path(__file__).parents[1] / "golden/store-1/runs").glob("*/spec.toml")
    spec = resolve(str(path), ["training.lr=1e-4"])
    assert spec.name.startswith("vae-digits ") and spec.name.endswith("lr=1e-4")


def test_short_keys_are_the_last_part_unless_two_sections_share_it():
    keys = short_keys(resolve("avb-digits"))
    assert keys["model.latent"] == "latent" and keys["model.noise"] == "model.noise"
    assert len(set(keys.values())) == len(keys)


def test_values_have_no_spaces_and_no_end():
    spec = resolve("vae-digits")
    name = run_name("vae-digits", spec, {"training.init_from": "a b\n" + "c" * 90})
    assert name == f"vae-digits init_from=ab{'c' * 27}…"
    assert find_preset("vae-digits").made_from == ""
