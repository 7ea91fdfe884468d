"""Faster, less exact products: in training steps only, and never where a chain has an accept step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.small import CONVOLUTIONAL, FAMILIES, make_trainer, small_spec
from workbench.engine.setup import configure_torch
from workbench.errors import WorkbenchError
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec

CHAINS = ("lae", "lae/course", "lae/residual", "lebm/ti-full")  # with an accept step, or an exchange
ROUNDED = sorted({*FAMILIES, *CONVOLUTIONAL} - set(CHAINS))


def flags() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.check("whole 8", "bf16 rounds a step by less than 2 % of its loss, and weights stay float32.")
@pytest.mark.parametrize("family", ROUNDED)
def test_bf16_rounds_products_alone(family: str, tmp_path: Path) -> None:
    losses: list[torch.Tensor] = []
    rounded: list[bool] = []
    for precision in ("float32", "bf16"):
        spec = small_spec(family, [0, 1], 2)
        training = spec.training.model_copy(update={"precision": precision})
        trainer = make_trainer(spec.model_copy(update={"training": training}), tmp_path / precision)
        batch = trainer.data.batch(trainer.order.next(10), trainer.streams)
        seen: list[torch.Tensor] = []
        original = trainer.model.training_step

        def step(*arguments: Any, original: Any = original, seen: Any = seen) -> Any:
            found = original(*arguments)
            seen.append(found["loss"])
            rounded.append(torch.is_autocast_enabled("cpu"))
            return found

        trainer.model.training_step = step  # type: ignore[method-assign]
        trainer.train_step()
        assert not torch.is_autocast_enabled("cpu")
        assert all(value.dtype == torch.float32 for value in trainer.model.parameters())
        assert all(value.isfinite().all() for value in trainer.model.parameters())
        values = trainer.model.evaluate_batch(batch, trainer.streams.fork("test"))
        assert all(value.dtype == torch.float32 for value in values.values())
        losses.append(seen[0])
    assert rounded == [False, True]
    assert (losses[0] != losses[1]).any()
    torch.testing.assert_close(losses[0], losses[1], rtol=0.02, atol=0.05)


def test_bf16_learns_as_float32_does(tmp_path: Path) -> None:
    ends = []
    for precision in ("float32", "bf16"):
        spec = small_spec("vae/conv", [0, 1], 100)
        training = spec.training.model_copy(update={"precision": precision, "lr": 5e-3})
        trainer = make_trainer(spec.model_copy(update={"training": training}), tmp_path / precision)
        before = trainer.curve_point("test", 0)["nelbo"]
        trainer.run()
        ends.append(trainer.curve_point("test", 0)["nelbo"])
    assert (ends[0] < before - 5).all()
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1.0)


def test_tf32_is_on_in_training_steps_alone(tmp_path: Path) -> None:
    spec = small_spec("vae", [0], 2, training={"tf32": True})
    configure_torch(spec)
    assert flags() == (False, False)
    trainer, seen = make_trainer(spec, tmp_path), []
    original = trainer.model.training_step
    trainer.model.training_step = lambda *a: (seen.append(flags()), original(*a))[1]  # type: ignore
    trainer.train_step()
    assert seen == [(True, True)] and flags() == (False, False)


@pytest.mark.parametrize("family", CHAINS)
@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"tf32": True}], ids=["bf16", "tf32"])
def test_chains_with_an_accept_step_refuse_both(family: str, change: dict[str, Any]) -> None:
    body = small_spec(family, [0]).model_dump()
    with pytest.raises(ValueError, match=r"not offered for \w+: a chain with an accept step"):
        RunSpec.model_validate({**body, "training": {**body["training"], **change}})


def test_a_refusal_reads_as_other_faults_do() -> None:
    with pytest.raises(WorkbenchError, match=r"training.precision = bf16 is not offered for lae: a chain"):
        resolve("lae-digits", ["training.precision=bf16"])
    plain, bf16 = resolve("vae-digits"), resolve("vae-digits", ["training.precision=bf16"])
    assert plain.group_hash() == resolve("vae-digits", ["training.tf32=false"]).group_hash()
    assert plain.group_hash() != bf16.group_hash()
