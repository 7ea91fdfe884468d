"""`training.init_from`: whose weights are loaded, what is reported, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.small import finished, load_data, small_spec
from workbench.engine import checkpoint, session
from workbench.engine.recorder import Recorder
from workbench.engine.trainer import Trainer
from workbench.errors import USAGE, WorkbenchError
from workbench.spec.schema import RunSpec
from workbench.store.files import read_json
from workbench.store.paths import StorePaths
from workbench.store.runs import create_run

CONTRAST = {
    "adaptive_contrast": True,
    "noise": 3,
    "noise_basis": 2,
    "noise_net": [8],
    "noise_amplitude": 0.35,
}
AVB = {"latent": 3, "activation": "relu", "likelihood": "bernoulli"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorePaths, str]:
    found = StorePaths(tmp_path_factory.mktemp("store"))
    return found, finished(found, small_spec("vae", [7, 8], 20), "vae-digits")


def started(store: StorePaths, source: str, seeds: list[int], family: str = "vae", **changes: Any) -> Trainer:
    training = {"init_from": source, **changes.pop("training", {})}
    spec = small_spec(family, seeds, 10, training=training, **changes)
    return session.prepare(spec, load_data(spec), Recorder(store.run(create_run(store, spec))))


def weights_of(store: StorePaths, run: str) -> dict[str, torch.Tensor]:
    found = checkpoint.load_newest(store.run(run))
    assert found is not None
    return found.state["model"]


def test_the_weights_are_the_sources_and_what_was_loaded_is_kept_with_the_run(
    store: tuple[StorePaths, str], capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = started(*store, [8, 9], training={"ema": 0.5})
    state = weights_of(*store)
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(weight[0], state[name][1]) and torch.equal(weight[1], state[name][1])  # 9 % 2
    for name, weight in trainer.model.average.named_buffers():
        assert name == "updates" or torch.equal(weight, trainer.model.get_parameter(name))
    report = read_json(trainer.recorder.paths.initial)
    assert (report["run"], report["step"], report["seeds"]) == (store[1], 20, {"8": 8, "9": 8})
    assert report["loaded"] == list(dict(trainer.model.named_parameters())) and not report["not_loaded"]
    assert f"starting from step 20 of {store[1]}" in capfd.readouterr().err


def test_one_seed_is_copied_to_all(tmp_path: Path) -> None:
    store = StorePaths(tmp_path)
    source = finished(store, small_spec("vae", [5], 5, training={"ema": 0.9}))
    trainer = started(store, source, [0, 1])
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(weight, weights_of(store, source)[f"average.{name}"].expand_as(weight))


def test_weights_of_another_shape_stay_fresh_and_are_named(store: tuple[StorePaths, str]) -> None:
    trainer = started(*store, [7], model={"latent": 4})
    report = read_json(trainer.recorder.paths.initial)
    assert report["not_loaded"] == ["encoder.2.weight", "encoder.2.bias", "decoder.0.weight"]
    assert torch.equal(trainer.model.decoder[2].weight[0], weights_of(*store)["decoder.2.weight"][0])


@pytest.mark.check("section 6", "Started at a VAE, AVB has its mean, decoder and the amplitudes asked for.")
def test_an_avb_starts_at_the_mean_and_the_decoder_of_a_vae(store: tuple[StorePaths, str]) -> None:
    bits = {"name": "digits", "binarise": "dynamic"}
    vae = started(*store, [7, 8]).model
    x = next(load_data(small_spec("vae", [7, 8])).chunks("test", session.Streams([7, 8]), 20)).x.double()
    mean = vae.posterior(x)[0]
    avb = started(*store, [7, 8], "avb/contrast", model=AVB | CONTRAST, data=bits).model
    z0, amplitudes = avb.encoder.share(x).tensor_split([3], -1)
    torch.testing.assert_close(z0, mean)
    torch.testing.assert_close(amplitudes, torch.full_like(amplitudes, 0.35))
    torch.testing.assert_close(avb.decode(mean), vae.decode(mean))
    for changes in ({}, {"noise_at": "every-layer"}, {"noise_kind": "added"}):
        avb = started(*store, [7, 8], "avb", model=AVB | changes, data=bits).model
        without = torch.zeros(2, 20, avb.encoder.noise, dtype=torch.float64)
        torch.testing.assert_close(avb.encoder(avb.encoder.share(x), without), mean)


def test_at_first_the_adversary_is_trained_alone(store: tuple[StorePaths, str]) -> None:
    trainer = started(*store, [7], "avb/contrast", model=CONTRAST | {"adversary_first": 3})
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    for step in range(4):
        trainer.train_step()
        for name, weight in trainer.model.named_parameters():
            moved = not torch.equal(weight, before[name])
            assert moved == (name.startswith("adversary.") or step == 3), (step, name)


def test_a_resumed_run_does_not_need_its_source(tmp_path: Path) -> None:
    store = StorePaths(tmp_path)
    source = finished(store, small_spec("vae", [7], 5))
    straight, broken = started(store, source, [7]), started(store, source, [7])
    straight.run()
    broken.stop = lambda: broken.step == 4
    assert broken.run().how == "stopped"
    shutil.rmtree(store.run(source).root)
    again = session.prepare(broken.spec, broken.data, Recorder(broken.recorder.paths))
    again.run()
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_a_source_that_cannot_serve_is_one_sentence(store: tuple[StorePaths, str]) -> None:
    with pytest.raises(
        WorkbenchError, match=r"no finished run 'absent' in this store for training.init_from"
    ):
        started(store[0], "absent", [7])
    with pytest.raises(
        WorkbenchError, match=r"Cannot start from run .*: no parameter has the name and shape"
    ):
        started(*store, [7], "ddpm")
    spec: RunSpec = small_spec("vae", [7])
    queued = create_run(store[0], spec)
    with pytest.raises(WorkbenchError, match=f"Cannot use run {queued} .*: it is queued") as caught:
        started(store[0], queued, [7])
    assert caught.value.exit_code == USAGE
