"""From preset and overrides to a spec, or to one sentence that names file, line, key and the likely fix."""

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.spec.models import model_kinds
from workbench.spec.presets import built_in_folder, find_preset, list_presets, load_preset
from workbench.spec.resolve import (
    expand,
    family_note,
    family_notes,
    left_out,
    misfits,
    parse_spec,
    resolve,
    validate,
)
from workbench.spec.schema import RunSpec

GOOD = """title = "A test"
seeds = 2
[model]
kind = "vae"
latent = 8
[training]
epochs = 3
"""


@pytest.fixture
def preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str = GOOD):
        Path("x.toml").write_text(text)
        return load_preset(Path("x.toml"))

    return write


def test_preset_overrides_and_seeds(preset):
    spec = resolve(preset(), ["training.lr=1e-4", "training.iterations=5"], "0,7")
    assert (spec.name, spec.seeds, spec.model.latent) == ("x iterations=5 lr=1e-4", [0, 7], 8)
    assert (spec.training.lr, spec.training.iterations, spec.training.epochs) == (1e-4, 5, None)
    assert resolve(preset()).seeds == [0, 1]


def test_grid_names_tell_the_points_apart(preset):
    specs = expand(preset(), (), ["model.latent=2,8", "model.encoder=[32],[32, 32]"])
    widths = ("[32]", "[32,32]")
    assert [spec.name for spec in specs] == [f"x latent={n} encoder={w}" for n in (2, 8) for w in widths]
    assert len({spec.group_hash() for spec in specs}) == 4


def test_grid_points_that_come_out_the_same_are_kept_once(preset):
    assert len(expand(preset(), (), ["training.clip=0,0.0"])) == 1
    assert len(expand(preset(), (), ["resources.threads=1,2"])) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latent = 8", "latentdim = 8", "x.toml:5: model.latentdim: unknown key, did you mean 'latent'?"),
        ("latent = 8", "latent = 0", "x.toml:5: model.latent: must be at least 1, got 0."),
        ("latent = 8", "latent = 2.5", "x.toml:5: model.latent: must be a whole number, got 2.5."),
        ("epochs = 3", "epochs = true", "x.toml:7: training.epochs: must be a whole number, got true."),
        ("epochs = 3", "epochs = 3\nlr = inf", "x.toml:8: training.lr: must be a finite number, got inf."),
        (
            "epochs = 3",
            "lr = 1e-3",
            "x.toml:6: training: give exactly one of training.iterations and training.epochs.",
        ),
        ("epochs = 3", 'epochs = "3"', "x.toml:7: training.epochs: must be a whole number, got '3'."),
        ('"vae"', '"vea"', "x.toml:4: model.kind: unknown family 'vea', did you mean 'vae'?"),
        ('"vae"', '["vae"]', "x.toml:4: model.kind: must be text; known kinds: ae-gmm, "),
        ('kind = "vae"', "", "x.toml:3: model.kind: is missing; known kinds: ae-gmm"),
        ("[training]", "[trainign]", "x.toml:6: trainign: unknown key, did you mean 'training'?"),
        ("seeds = 2", "seeds = [1, 1]", "x.toml:2: seeds: Seeds must differ from each other."),
        ("seeds = 2", "name = 'y'", "x.toml:2: name: unknown key"),
        ("seeds = 2", 'data = "mnist"', "x.toml:2: data: must be a section, [data]."),
        ('"A test"', "3", "x.toml:1: title: must be text in quotes."),
    ],
)
def test_faults_in_a_file(preset, old, new, message):
    with pytest.raises(WorkbenchError) as caught:
        resolve(preset(GOOD.replace(old, new)))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.latent=abc", "--set model.latent=abc: model.latent: must be a whole number, got 'abc'."),
        ("model.latnet=3", "--set model.latnet=3: model.latnet: unknown key, did you mean 'latent'?"),
        ("trainig.lr=1", "--set trainig.lr=1: trainig: unknown key, did you mean 'training'?"),
        ("data.name=mnits", "--set data.name=mnits: data.name: must be one of onehot4, onehot8"),
        ("resources.device=tpu", "--set resources.device=tpu: resources.device: must be auto (a GPU where"),
        ("lr=1", "--set lr=1: not of the form section.key=value."),
        ("model=3", "--set model=3: not of the form section.key=value."),
    ],
)
def test_faults_in_an_override_name_the_override(preset, text, message):
    with pytest.raises(WorkbenchError) as caught:
        resolve(preset(), [text])
    assert str(caught.value).startswith(message)


def test_more_faults_are_counted(preset):
    with pytest.raises(WorkbenchError, match=r"\(1 more fault after this one.\)"):
        resolve(preset(), ["training.lr=-1", "training.batch=0"])


def test_a_written_spec_reads_back(preset):
    spec = resolve(preset())
    text = tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
    assert parse_spec(text) == spec
    with pytest.raises(WorkbenchError, match=r"spec.toml:\d+: model.latent"):
        parse_spec(text.replace("latent = 8", 'latent = "8"'))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
sections = st.dictionaries(
    st.sampled_from(
        ["kind", "latent", "encoder", "epochs", "iterations", "lr", "name", "device", "every", "x"]
    ),
    values | st.sampled_from(["vae", "lae", "digits", 3, [8]]),
    max_size=4,
)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["model", "data", "training", "evaluation", "resources", "seeds", "name", "x"]),
        sections | values,
        max_size=5,
    )
)
def test_any_table_gives_a_spec_or_a_workbench_error(table):
    try:
        assert isinstance(validate(table), RunSpec)
    except WorkbenchError as error:
        assert error.title and "\n" not in error.title


mutations = st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6))


@settings(max_examples=100)
@given(
    st.sampled_from(["vae-digits", "lae-paper-mnist", "avb-mnist"]),
    st.lists(mutations, min_size=1, max_size=3),
)
def test_a_damaged_preset_file_gives_a_spec_or_a_workbench_error(tmp_path_factory, name, damage):
    body = (built_in_folder() / f"{name}.toml").read_bytes()
    for place, length, replacement in damage:
        start = int(place * len(body))
        body = body[:start] + replacement + body[start + length :]
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    path.write_bytes(body)
    try:
        assert isinstance(resolve(load_preset(path)), RunSpec)
    except WorkbenchError as error:
        assert "damaged.toml" in error.title and "\n" not in str(error)


@settings(max_examples=100)
@given(st.text(max_size=12), st.text(max_size=12))
def test_any_override_gives_a_spec_or_a_workbench_error(key, value):
    for text in (f"{key}={value}", f"model.{key}={value}", f"training.lr={value}", f"name={value}"):
        try:
            resolve("vae-digits", [text])
        except WorkbenchError as error:
            assert error.title


@pytest.mark.check("whole 8", "Half precision is rejected with the reason.")
def test_half_precision_is_refused_with_the_reason():
    with pytest.raises(WorkbenchError, match=r"accept step .* log ratio .* use float32"):
        resolve("lae-digits", ["training.precision=bf16"])
    with pytest.raises(WorkbenchError, match="must be one of float32, float64, bf16; got 'float16'"):
        resolve("vae-digits", ["training.precision=float16"])


# ---- another family in a preset: its own settings go, what fits stays, and both are reported


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
    specs = expand("avb-digits", (), ["model.kind=avb,vae"])
    assert [spec.model.kind for spec in specs] == ["avb", "vae"]


def test_a_key_of_the_same_name_with_another_meaning_goes():
    preset = find_preset("avb-mnist")
    assert preset.table["model"]["noise"] == 32  # units of noise; the LAE's noise is a rule
    assert "noise" in left_out(preset, "lae")
    assert resolve(preset, ["model.kind=lae"]).model.noise == "langevin"


@pytest.mark.parametrize("kind", ["vae", "lae"])
def test_a_misspelt_key_of_the_preset_is_reported_whatever_the_family(tmp_path, monkeypatch, kind):
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


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.path=my photos/a.npz"], {"name": "a", "path": "my photos/a.npz"}),
        (["data.path=photos/"], {"name": "photos", "path": "photos/"}),
        (["data.path=a.npz", "data.name=b"], {"name": "b", "path": "a.npz"}),
        (["data.path=a.npz", "data.labels=3", "data.name=mnist"], {"name": "mnist", "labels": "3"}),
        (["data.path=a.npz", "data.path="], {"name": "digits", "path": ""}),
    ],
)
def test_own_data_take_the_place_of_the_presets(preset, overrides, expected):
    data = resolve(preset(GOOD), overrides).data
    assert {key: getattr(data, key) for key in expected} == expected


def test_a_known_data_set_takes_the_place_of_own_data(preset):
    own = GOOD + '[data]\npath = "a.npz"\nlabels = "y"\ntest_share = 0.5\n'
    assert resolve(preset(own)).data.name == "a"
    assert resolve(preset(own), ["data.path=b.npz"]).data.labels == "y"
    assert resolve(preset(own), ["data.name=digits"]).data == resolve(preset(GOOD)).data
    assert "path" not in resolve(preset(GOOD), ["data.path=b.npz"]).name
