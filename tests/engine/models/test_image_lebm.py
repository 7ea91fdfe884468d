"""The image LEBM: shapes and gradients of its generator, and made-up colour pictures it learns to rebuild."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.models import image_lebm
from workbench.engine.models.image_lebm import ConvTranspose2d, Generator
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.models.image_lebm import ImageLEBMSettings
from workbench.spec.resolve import resolve
from workbench.spec.schema import TrainingSettings

SMALL: dict[str, Any] = {"latent": 4, "prior": [16], "generator": [16, 12, 8], "prior_steps": 10}


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
    settings = ImageLEBMSettings(**SMALL | changes)
    training = TrainingSettings(iterations=1, beta1=0.5, lr=3e-3)
    data = DataInfo("made up", shape, "grey", 120, 40, 0)
    return image_lebm.build(settings, training, data, streams), streams


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
    net = Generator(5, [6, 4, 3], DataInfo("made up", (32, 32, 3), "grey", 1, 1, 0), streams)
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
    layer = ConvTranspose2d(64, 48, 2, 1, Streams([3]))
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
    assert isinstance(model, image_lebm.ThermodynamicImageLEBM)
    assert isinstance(make()[0], image_lebm.ImageLEBM)
    data = made_up(torch.float64)
    metrics = model.training_step(data.batch(torch.arange(2)[None], streams), streams)
    assert torch.isfinite(metrics["ti_log_px"]).all()


@pytest.mark.parametrize("shape", [(28, 28), (16, 16, 3), (2,), (32, 28, 3)])
def test_pictures_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(WorkbenchError, match="32 × 32 pixels"):
        make(shape)


def test_several_seeds_become_several_runs() -> None:
    assert not type(resolve("lebm-svhn").model).stackable
