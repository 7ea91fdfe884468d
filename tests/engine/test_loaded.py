"""A trained model with arrays in and out shows what the panes show; an exported one is the same model."""

import json

import numpy as np
import pytest
import torch

from tests.engine.small import finished, load_data, small_spec
from workbench.engine.export_model import export, load_export
from workbench.engine.loaded import CHUNK, load_run
from workbench.engine.snapshots import to_bytes
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.store.paths import StorePaths
from workbench.store.snapshots import read_latents, read_samples

STEPS = 30
FAMILIES = ("vae", "lae", "avb/contrast", "lebm", "ddpm")


def pixels(x, shape):
    """Return x [S, B, *shape] in [0, 1] as the panes keep it."""
    return to_bytes(torch.as_tensor(x).flatten(2), shape)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a function that trains a family once, and gives its run and spec."""
    store, runs = StorePaths(tmp_path_factory.mktemp("runs")), {}

    def train(family, **changes):
        if family not in runs:
            spec = small_spec(family, [3, 5], STEPS, **changes)
            runs[family] = store.run(finished(store, spec)), spec
        return runs[family]

    return train


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_and_latents_are_those_of_the_panes(trained, family):
    run, spec = trained(family)
    model, shown = load_run(run), read_samples(run.samples, STEPS)
    if shown.images is not None:
        x = model.sample(shown.images.shape[1])
        assert np.array_equal(pixels(x, model.shape), shown.images)
    else:
        assert np.array_equal(model.sample(shown.points.shape[1]).astype(np.float32), shown.points)
    kept = read_latents(run.latents, STEPS)
    if kept is not None and spec.data.binarise != "dynamic":
        data = load_data(spec)
        x = next(data.chunks("test", Streams([0]), kept.z.shape[1])).x[0].double()
        assert np.array_equal(model.encode(x).numpy().astype(np.float32), kept.z)


@pytest.mark.check("whole 10", "`decode` of own latents gives the pictures of the sample pane bit for bit.")
@pytest.mark.parametrize("family", ["vae", "lebm"])
def test_decode_of_own_z_is_what_the_panes_show(trained, family):
    run, spec = trained(family)
    model, shown = load_run(run), read_samples(run.samples, STEPS)
    if family == "vae":
        own = Streams(spec.seeds, dtype=torch.float64).fork("snapshot")
        z = own.normal("sample", shown.images.shape[1], 3)
        assert np.array_equal(pixels(model.decode(z), model.shape), shown.images)
        assert np.array_equal(pixels(model.decode(z.numpy()), model.shape), shown.images)
    z = read_latents(run.latents, STEPS).z
    direct = model.model.decode(torch.as_tensor(z).double()).numpy().reshape(2, len(z[0]), *model.shape)
    assert np.array_equal(model.decode(z), direct)


def test_one_seed_has_no_axis_of_seeds_and_the_same_numbers(trained):
    run, _ = trained("vae")
    every, one = load_run(run), load_run(run, 5)
    z = np.random.default_rng(0).normal(size=(CHUNK + 7, 3))
    x = every.decode(z)
    assert x.shape == (2, CHUNK + 7, 8, 8) and one.decode(z).shape == (CHUNK + 7, 8, 8)
    np.testing.assert_allclose(one.decode(z), x[1], rtol=1e-12)
    np.testing.assert_allclose(one.sample(4), every.sample(4)[1], rtol=1e-12)
    assert not np.array_equal(one.sample(4, random_seed=1), one.sample(4))
    np.testing.assert_array_equal(one.sample(4, random_seed=1), one.sample(4, random_seed=1))
    flat = x[1].reshape(CHUNK + 7, 64)
    np.testing.assert_array_equal(one.encode(flat), one.encode(x[1]))
    assert one.log_joint(x[1], z).shape == (CHUNK + 7,)
    assert repr(one) == f"<LoadedModel vae: seed 5, step {STEPS}, latents 3, x (8, 8)>"


@pytest.mark.check("whole 10", "`log_joint` of a loaded VAE is log p(z) + log p(x given z), recomputed.")
def test_log_joint_is_the_sum_of_prior_and_likelihood(trained):
    run, _ = trained("vae")
    model = load_run(run, 3)
    z = np.random.default_rng(0).normal(size=(6, 3))
    x = (model.decode(z) > 0.5).astype(float)
    p = model.decode(z)
    prior = -0.5 * (z**2).sum(1) - 1.5 * np.log(2 * np.pi)
    likelihood = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2))
    np.testing.assert_allclose(model.log_joint(x, z), prior + likelihood, rtol=1e-9)


def test_tensors_in_give_tensors_out(trained):
    model = load_run(trained("vae")[0])
    assert isinstance(model.decode(torch.zeros(2, 3)), torch.Tensor)
    assert isinstance(model.encode(np.zeros((2, 8, 8), np.uint8)), np.ndarray)


@pytest.mark.parametrize(
    ("family", "call", "words"),
    [
        ("vae", lambda m: m.decode(np.zeros((4, 2))), r"z has the shape \(4, 2\), latents have \(3,\)"),
        ("vae", lambda m: m.decode(np.zeros((3, 4, 3))), "does not fit 2 seeds"),
        ("vae", lambda m: m.decode(np.zeros(3)), "does not fit 2 seeds"),
        ("vae", lambda m: m.decode([[np.nan] * 3]), "not finite"),
        ("vae", lambda m: m.encode(np.zeros((4, 9, 9))), r"examples have \(8, 8\)"),
        ("vae", lambda m: m.encode(np.full((4, 64), 16)), r"outside \[0, 1\]"),
        ("vae", lambda m: m.encode("text"), "not an array of numbers"),
        ("vae", lambda m: m.encode([[0.0], [0.0, 1.0]]), "not an array of numbers"),
        ("vae", lambda m: m.sample(0), "at least 1"),
        ("vae", lambda m: m.log_joint(np.zeros((4, 64)), np.zeros((5, 3))), "x has 4 examples, z has 5"),
        ("ddpm", lambda m: m.encode(np.zeros((4, 2))), "the family ddpm has no latents"),
        ("ddpm", lambda m: m.decode(np.zeros((4, 2))), "the family ddpm has no latents"),
        ("ddpm", lambda m: m.log_joint(np.zeros((4, 2)), np.zeros((4, 2))), "ddpm has no density"),
    ],
)
def test_refusals(trained, family, call, words):
    with pytest.raises(WorkbenchError, match=words):
        call(load_run(trained(family)[0]))


def test_an_unknown_seed_and_a_missing_checkpoint_are_refused(trained, tmp_path):
    run, _ = trained("vae")
    with pytest.raises(WorkbenchError, match=r"no seed 4\. Its seeds: 3, 5"):
        load_run(run, 4)
    bare = StorePaths(tmp_path).run("bare")
    bare.root.mkdir()
    bare.spec.write_bytes(run.spec.read_bytes())
    with pytest.raises(WorkbenchError, match="has no usable checkpoint"):
        load_run(bare)


@pytest.mark.parametrize(("family", "ema"), [("vae", 0.0), ("vae", 0.9), ("ddpm", 0.0)])
def test_an_exported_model_is_the_same_model(trained, tmp_path, family, ema):
    if ema:
        family_run = StorePaths(tmp_path / "runs")
        family_run.root.mkdir()
        run = family_run.run(finished(family_run, small_spec(family, [3, 5], STEPS, training={"ema": ema})))
    else:
        run, _ = trained(family)
    folder = tmp_path / "model"
    export(run, folder)
    for seed in (None, 5):
        old, new = load_run(run, seed), load_export(folder, seed)
        np.testing.assert_array_equal(old.sample(5), new.sample(5))
        if old.latent:
            z = np.random.default_rng(0).normal(size=(4, old.latent))
            np.testing.assert_array_equal(old.decode(z), new.decode(z))
    found = json.loads((folder / "model.json").read_text())
    assert found["weights"] == ("averaged" if ema or family == "ddpm" else "last")
    assert (found["run"], found["seeds"], found["step"]) == (run.id, [3, 5], STEPS)
    assert {name: tuple(t["shape"]) for name, t in found["tensors"].items()} == {
        name: tuple(value.shape) for name, value in load_export(folder).model.state_dict().items()
    }
    assert not any(name.startswith("average.") for name in found["tensors"])


def test_damaged_exports_are_refused(trained, tmp_path):
    run, _ = trained("vae")
    folder = tmp_path / "model"
    export(run, folder)
    good = json.loads((folder / "model.json").read_text())

    def refused(words, **changes):
        (folder / "model.json").write_text(json.dumps({**good, **changes}))
        with pytest.raises(WorkbenchError, match=words):
            load_export(folder)

    refused("newer layout", schema=2)
    refused("'seeds' is damaged", seeds=3)
    refused("'data' is damaged", data={})
    refused(
        "must be a whole number", spec={**good["spec"], "model": {**good["spec"]["model"], "latent": "x"}}
    )
    refused("do not fit the model", spec={**good["spec"], "model": {**good["spec"]["model"], "latent": 4}})
    (folder / "model.json").write_text(json.dumps(good))
    body = bytearray((folder / "model.safetensors").read_bytes())
    body[-1] ^= 1
    (folder / "model.safetensors").write_bytes(body)
    with pytest.raises(WorkbenchError, match="checksum does not match"):
        load_export(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WorkbenchError, match="Cannot read"):
        load_export(folder)
