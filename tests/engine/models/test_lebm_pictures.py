"""The LEBM with convolutions: its generator, and made-up colour pictures that it learns to rebuild."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workbench.engine.convolutions import ConvTranspose2d
from workbench.engine.data.batch import DataInfo
from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.models import lebm_ti
from workbench.engine.models.lebm import LEBM
from workbench.engine.nets import ConvDecoder, generator
from workbench.engine.streams import Streams
from workbench.spec.models.image_lebm import ImageLEBMSettings
from workbench.spec.models.lebm import LEBMSettings
from workbench.spec.schema import TrainingSettings

SMALL: dict[str, Any] = {"latent": 4, "prior": [16], "generator": [16, 12, 8], "prior_steps": 10}
CONV = {"net": "conv", "sigma": 0.15}


def coloured_squares(count: int) -> Tensor:
    """Return pictures [count, 32 · 32 · 3] as bytes: one of four colours, in the left or the right half."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.tensor([[230, 40, 40], [40, 230, 40], [40, 40, 230], [220, 220, 40]])
    chosen = colours[torch.randint(4, (count,), generator=generator)]
    pictures = torch.full((count, 32, 32, 3), 25)
    sides = 16 * torch.randint(2, (count,), generator=generator)
    for picture, colour, left in zip(pictures, chosen, sides.tolist(), strict=True):
        picture[8:24, 2 + left : 14 + left] = colour
    return pictures.to(torch.uint8).flatten(1)


def made_up(dtype: torch.dtype) -> DataSet:
    """Return a small colour set as a source would deliver it."""
    x, none = coloured_squares(160), torch.zeros(160, dtype=torch.int64)
    arrays = Arrays(x[:120], none[:120], x[120:], none[120:], (32, 32, 3), "grey", 0, levels=255)
    return DataSet("made up", arrays, dynamic=False, device=torch.device("cpu"), dtype=dtype)


def make(shape: tuple[int, ...] = (32, 32, 3), dtype: torch.dtype = torch.float64, **changes: Any) -> Any:
    streams = Streams([0], dtype=dtype)
    settings = LEBMSettings(**SMALL | CONV | changes)
    training = TrainingSettings(iterations=1, beta1=0.5, lr=3e-3)
    data = DataInfo("made up", shape, "grey", 120, 40, 0)
    return lebm_ti.build(settings, training, data, streams), streams


def test_it_learns_to_rebuild_colour_pictures() -> None:
    data = made_up(torch.float32)
    model, streams = make(dtype=torch.float32, posterior_steps=8, encode_steps=20)
    x = next(data.chunks("test", streams, 20)).x
    before = model.evaluate(x, streams.fork("test"))["mse"].mean()
    for _ in range(60):
        index = streams.permutation("order", 120)[:, :12]
        metrics = model.training_step(data.batch(index, streams), streams)
    after = model.evaluate(x, streams.fork("test"))["mse"].mean()
    assert torch.isfinite(metrics["loss"]).all()
    blank = (x - x.mean(1, keepdim=True)).square().mean()  # what the mean picture leaves
    assert after < 0.7 * blank < before
    samples = model.sample(8, streams)
    assert samples.shape == (1, 8, 3072) and 0 <= samples.min() <= samples.max() <= 1


def test_the_generator_is_the_published_one() -> None:
    """The same maps as torch's own layers in a row, then ½ (1 + tanh), colour last."""
    streams = Streams([0, 1], dtype=torch.float64)
    data = DataInfo("made up", (32, 32, 3), "grey", 1, 1, 0)
    net = generator("conv", data, 5, [6, 4, 3], "silu", streams)
    assert isinstance(net, ConvDecoder)
    z = streams.normal("z", 2, 5)
    found = net(z)
    assert found.shape == (2, 2, 3072)
    for member in range(2):
        layers: list[nn.Module] = []
        for mine in (net.first, *net.rest):
            assert isinstance(mine, ConvTranspose2d)
            inputs, outputs = mine.weight.shape[1:3]
            layer = nn.ConvTranspose2d(inputs, outputs, 4, mine.stride, mine.padding).double()
            with torch.no_grad():
                layer.weight.copy_(mine.weight[member])
                layer.bias.copy_(mine.bias[member])
            layers += [layer, nn.LeakyReLU(0.2)]
        pictures = (1 + torch.tanh(nn.Sequential(*layers[:-1])(z[member, :, :, None, None]))) / 2
        torch.testing.assert_close(found[member], pictures.permute(0, 2, 3, 1).flatten(1))


def test_weights_start_xavier_normal() -> None:
    layer = ConvTranspose2d(64, 48, (4, 4), Streams([3]), stride=2, padding=1)
    reference = torch.empty(64, 48, 4, 4)
    nn.init.xavier_normal_(reference)
    assert float(layer.weight.detach().std()) == pytest.approx(float(reference.std()), rel=0.02)


def test_the_chains_gradient_is_that_of_log_joint() -> None:
    model, streams = make()
    x, z = streams.uniform("x", 3, 3072), streams.normal("z", 3, 4)
    leaf = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model.log_joint(x, leaf).sum(), leaf)
    torch.testing.assert_close(model.posterior_gradient(x, z), -expected)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_ladder_of_temperatures_works_on_pictures_too() -> None:
    model, streams = make(objective="ti-full", temperatures=2, posterior_steps=3)
    assert isinstance(model, lebm_ti.ThermodynamicLEBM)
    assert type(make()[0]) is LEBM
    data = made_up(torch.float64)
    metrics = model.training_step(data.batch(torch.arange(2)[None], streams), streams)
    assert torch.isfinite(metrics["ti_log_px"]).all()


def test_the_old_family_is_the_same_model() -> None:
    """Checkpoints of image-lebm of 0.1.0 load: the weights have the names that they had there."""
    new = make()[0]
    settings, streams = ImageLEBMSettings(**SMALL), Streams([0], dtype=torch.float64)
    old = lebm_ti.build(settings, TrainingSettings(iterations=1), new.data, streams)
    layers = ("first", "rest.0", "rest.1", "rest.2")
    names = [f"generator.{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert [name for name in old.state_dict() if name.startswith("generator.")] == names
    left, right = old.state_dict(), new.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
