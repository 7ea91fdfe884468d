"""Every shipped preset builds its model, takes a step and is evaluated, under names that the screens know."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from workbench.engine.data import DataSet, load
from workbench.engine.data.dataset import Arrays
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.spec.metrics import METRICS
from workbench.spec.presets import built_in_folder
from workbench.spec.resolve import resolve
from workbench.spec.schema import DataSettings
from workbench.spec.studies import list_studies

SHIPPED = sorted(path.stem for path in built_in_folder().glob("*.toml"))
# made up here: what they show does not matter
PICTURES = {"mnist": (28, 28), "svhn": (32, 32, 3), "cifar10": (32, 32, 3), "celeba": (64, 64, 3)}
CHAINS = ("prior_steps", "posterior_steps")  # a step of a chain is like any other


def data_of(settings: DataSettings) -> DataSet:
    """Return the preset's data, or noise of the same shape where those would be fetched."""
    if settings.name not in PICTURES:
        return load(settings, Path("absent"), False, dtype=torch.float32)
    shape = PICTURES[settings.name]
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (40, int(torch.Size(shape).numel())), generator=generator).to(torch.uint8)
    y = torch.arange(40) % 10
    kind = "grey" if settings.binarise == "none" else "binary"
    arrays = Arrays(x[:30], y[:30], x[30:], y[30:], shape, kind, 10, levels=255)  # type: ignore[arg-type]
    dynamic = settings.binarise == "dynamic"
    return DataSet(settings.name, arrays, dynamic=dynamic, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.check("whole 9", "Every shipped preset trains and evaluates under known metrics.")
@pytest.mark.parametrize("name", SHIPPED)
def test_its_curves_have_a_label_and_a_description(name: str) -> None:
    found = resolve(name)
    short = [f"model.{key}=2" for key in CHAINS if getattr(found.model, key, 0) > 2]
    exchange = ["model.exchange=1"] if getattr(found.model, "exchange", 0) else []
    spec = resolve(name, [*exchange, *short], seeds="1")
    data = data_of(spec.data)
    streams = Streams(spec.seeds)
    model = build_model(spec, data.info, streams)
    batch = data.batch(torch.arange(6)[None], streams)
    curves = model.training_step(batch, streams)
    values = model.evaluate_batch(next(data.chunks("test", streams, 5)), streams)
    assert "loss" in curves and values
    for label in (*curves, *values):
        assert METRICS[label].label and METRICS[label].description
    assert all(value.isfinite().all() for value in (*curves.values(), *values.values()))


def test_the_columns_of_a_study_are_known() -> None:
    shipped = [study for study in list_studies() if study.path.parent.parent == built_in_folder()]
    assert len(shipped) >= 5
    for study in shipped:
        assert set(study.layout.metrics) <= set(METRICS), study.name
        assert set(study.presets) <= set(SHIPPED), study.name
