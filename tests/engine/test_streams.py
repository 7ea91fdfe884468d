"""Random streams: each (seed, purpose) its own, whatever else is drawn, however many members there are."""

from __future__ import annotations

import pytest
import torch

from workbench.engine.streams import Streams, stream_seed


@pytest.mark.parametrize("shape", [(1,), (5,), (16,), (3, 7), (100, 10)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_member_draws_what_it_would_draw_alone(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    together, alone = Streams([0, 7, 9], dtype=dtype), Streams([7], dtype=dtype)
    for _ in range(3):
        assert torch.equal(together.normal("a", *shape)[1], alone.normal("a", *shape)[0])
        assert torch.equal(together.uniform("b", *shape)[1], alone.uniform("b", *shape)[0])
        assert torch.equal(together.permutation("c", 9)[1], alone.permutation("c", 9)[0])


def test_purposes_do_not_disturb_each_other() -> None:
    quiet, busy = Streams([0]), Streams([0])
    busy.normal("other", 1000)
    assert torch.equal(quiet.normal("noise", 20), busy.normal("noise", 20))
    assert not torch.equal(quiet.normal("noise", 20), busy.normal("other", 20))


def test_draws_have_the_distributions_they_are_named_after() -> None:
    streams = Streams([1])
    normal, uniform = streams.normal("n", 100_000), streams.uniform("u", 100_000)
    assert abs(normal.mean()) < 0.015
    assert abs(normal.std() - 1) < 0.01
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.005
    assert torch.equal(streams.permutation("p", 50).sort(-1).values[0], torch.arange(50))


def test_a_saved_state_continues_every_stream() -> None:
    streams = Streams([0, 1])
    streams.normal("a", 5)
    streams.permutation("b", 5)
    saved = streams.state_dict()
    expected = streams.normal("a", 5), streams.permutation("b", 5)
    fresh = Streams([0, 1])
    fresh.load_state_dict(saved)
    assert torch.equal(fresh.normal("a", 5), expected[0])
    assert torch.equal(fresh.permutation("b", 5), expected[1])


def test_a_fork_depends_on_seed_and_name_alone() -> None:
    used, fresh = Streams([4]), Streams([4])
    used.normal("a", 100)
    assert torch.equal(used.fork("test").normal("a", 8), fresh.fork("test").normal("a", 8))
    assert not torch.equal(used.fork("test").normal("a", 8), fresh.fork("other").normal("a", 8))


def test_seeds_of_generators_are_fixed_for_ever() -> None:
    """Results of old runs could not be repeated if this number changed."""
    assert stream_seed(0, "init") == 1519069808562059438
