"""Convolutional encoders and decoders: the same numbers as torch's own layers, sizes, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.engine import nets
from workbench.engine.convolutions import Conv2d, ConvTranspose2d, MapNorm, Residual
from workbench.engine.data.batch import DataInfo
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.models.vae import VAESettings

SHAPES = [(8, 8), (28, 28), (9, 14, 3), (32, 32, 3), (64, 64, 3)]


def pictures(*shape: int) -> DataInfo:
    return DataInfo("made up", shape, "grey", 10, 10, 0)


@pytest.mark.parametrize("kind", ["dense", "conv", "residual"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nets_take_and_give_pictures_of_any_size(kind: str, shape: tuple[int, ...]) -> None:
    data, streams = pictures(*shape), Streams([0, 1])
    encoder = nets.encoder(kind, data, [4, 3, 2], 5, "relu", streams, layer_norm=True)
    decoder = nets.decoder(kind, data, 5, [2, 3, 4], "relu", streams, layer_norm=True)
    x = streams.uniform("x", 6, data.dimensions)
    z = encoder(x)
    assert z.shape == (2, 6, 5)
    out = decoder(z)
    assert out.shape == x.shape and out.isfinite().all()
    out.square().sum().backward()
    weights = [layer.weight for layer in nets.layers(encoder) + nets.layers(decoder)]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in weights)


@pytest.mark.check("whole 9", "Stacked convolutional nets compute what torch's own layers do.")
def test_a_convolutional_autoencoder_is_that_of_torch() -> None:
    """28 × 28 with three layers: 28 → 14 → 7 → 3, and 4 → 8 → 16 → 32 → the inner 28."""
    data, streams = pictures(28, 28, 3), Streams([0, 1], dtype=torch.float64)
    encoder = nets.encoder("conv", data, [4, 3, 2], 5, "elu", streams)
    decoder = nets.decoder("conv", data, 5, [2, 3, 4], "elu", streams)
    x = streams.uniform("x", 6, data.dimensions)
    z = encoder(x)
    out = decoder(z)
    for member in range(2):
        layers: list[nn.Module] = []
        for mine in [*encoder.modules(), *decoder.modules()]:
            if isinstance(mine, Conv2d):
                outputs, inputs = mine.weight.shape[1:3]
                layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1))
            elif isinstance(mine, ConvTranspose2d):
                inputs, outputs = mine.weight.shape[1:3]
                layers.append(nn.ConvTranspose2d(inputs, outputs, 4, mine.stride, mine.padding))
            else:
                continue
            layers[-1].double()
            with torch.no_grad():
                layers[-1].weight.copy_(mine.weight[member])
                layers[-1].bias.copy_(mine.bias[member])
        down, up = layers[:3], layers[3:]
        maps = x[member].view(6, 28, 28, 3).permute(0, 3, 1, 2)
        for layer in down:
            maps = nn.functional.elu(layer(maps))
        linear = encoder[-1]
        expected = maps.flatten(1) @ linear.weight[member] + linear.bias[member]
        torch.testing.assert_close(z[member], expected)
        maps = up[0](z[member, :, :, None, None])
        for layer in up[1:]:
            maps = layer(nn.functional.elu(maps))
        inner = maps[:, :, 2:30, 2:30].permute(0, 2, 3, 1).flatten(1)
        torch.testing.assert_close(out[member], inner)


def test_every_pixel_reaches_the_code() -> None:
    """Odd sides are rounded down: the last row and column still count."""
    data, streams = pictures(9, 13), Streams([0], dtype=torch.float64)
    encoder = nets.encoder("conv", data, [4], 5, "elu", streams)
    x = streams.uniform("x", 1, data.dimensions).requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(x).sum(), x)
    assert (gradient != 0).all()


@pytest.mark.check("whole 9", "Normalisation of maps is within each example: none depends on its batch.")
@pytest.mark.parametrize("kind", ["conv", "residual"])
def test_an_example_does_not_depend_on_its_batch(kind: str) -> None:
    data, streams = pictures(8, 8, 3), Streams([0], dtype=torch.float64)
    encoder = nets.encoder(kind, data, [4, 3], 5, "relu", streams, layer_norm=True)
    x = streams.uniform("x", 6, data.dimensions)
    torch.testing.assert_close(encoder(x)[:, 2:3], encoder(x[:, 2:3]))


def test_maps_are_normalised_over_channels_and_pixels() -> None:
    streams = Streams([0, 1], dtype=torch.float64)
    maps = 3 + 2 * streams.normal("x", 4, 3, 5, 5)
    found = MapNorm(3, streams)(maps)
    torch.testing.assert_close(found.mean((2, 3, 4)), torch.zeros(2, 4).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(found.square().mean((2, 3, 4)), torch.ones(2, 4).double(), atol=1e-4, rtol=0)


def test_a_residual_block_starts_as_the_identity_and_then_learns() -> None:
    streams = Streams([0, 1], dtype=torch.float64)
    block, h = Residual(3, "relu", streams), streams.normal("x", 4, 3, 5, 5)
    assert torch.equal(block(h), h)
    block(h).square().sum().backward()
    assert block.last.weight.grad is not None and (block.last.weight.grad != 0).any()


@pytest.mark.parametrize("net", ["conv", "residual"])
@pytest.mark.parametrize(
    ("shape", "layers", "text"),
    [((2,), 1, "it needs pictures, and made up has none"), ((8, 8), 4, "16 × 16 or more; made up has 8 × 8")],
)
def test_data_that_do_not_suit_convolutions_are_refused(
    net: str, shape: tuple[int, ...], layers: int, text: str
) -> None:
    for make in (
        lambda: nets.encoder(net, pictures(*shape), [2] * layers, 3, "relu", Streams([0])),
        lambda: nets.decoder(net, pictures(*shape), 3, [2] * layers, "relu", Streams([0])),
    ):
        with pytest.raises(WorkbenchError, match=text):
            make()


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_convolutions_need_channels(name: str) -> None:
    with pytest.raises(ValueError, match=f"model.net = conv needs channels in model.{name}"):
        VAESettings.model_validate({"net": "conv", name: []})
    VAESettings.model_validate({name: []})
