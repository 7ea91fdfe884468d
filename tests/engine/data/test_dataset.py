"""Batches from resident data: conversion, binarisation, order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from workbench.engine.data import DataSet, load
from workbench.engine.data.order import Order
from workbench.engine.streams import Streams
from workbench.spec.data import DATA_SETS
from workbench.spec.schema import DataSettings


def digits(dtype: torch.dtype = torch.float32, **settings: Any) -> DataSet:
    return load(DataSettings(name="digits", **settings), Path("absent"), False, dtype=dtype)


def test_a_batch_holds_each_members_own_examples() -> None:
    data, streams = digits(), Streams([0, 1])
    index = torch.tensor([[5, 6], [7, 5]])
    batch = data.batch(index, streams)
    assert batch.x.shape == (2, 2, 64)
    assert torch.equal(batch.x[0, 0], batch.x[1, 1])
    assert torch.equal(batch.y, data.labels("train")[index])
    assert torch.equal(batch.index, index)


@pytest.mark.check("whole 8", "Data come in the precision of the run (float64 switch).")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_come_in_the_precision_of_the_run(dtype: torch.dtype) -> None:
    data = digits(dtype)
    assert data.batch(torch.zeros(1, 3, dtype=torch.int64), Streams([0], dtype=dtype)).x.dtype == dtype


def test_sets_that_need_no_files_have_the_shape_and_size_that_their_sources_say() -> None:
    for name, source in DATA_SETS.known().items():
        if not source.files:
            data = load(DataSettings(name=name), Path("absent"), False)
            assert (data.info.shape, data.info.train_size) == (source.shape, source.examples), name


def test_chunks_cover_a_split_once_and_the_last_may_be_ragged() -> None:
    data, streams = digits(), Streams([0, 1, 2])
    sizes = [batch.x.shape for batch in data.chunks("test", streams, 100)]
    assert sizes == [(3, 100, 64)] * 3 + [(3, 60, 64)]
    assert sum(b.x.shape[1] for b in data.chunks("test", streams, 100, limit=130)) == 130


@pytest.mark.check("catalogue 15", "A mean over ragged chunks is the mean over all examples.")
def test_a_mean_over_ragged_chunks_is_the_mean_over_all() -> None:
    data, streams = digits(torch.float64), Streams([0])
    whole = next(data.chunks("test", streams, 360)).x.mean((1, 2))
    parts = torch.cat([b.x.mean(2) for b in data.chunks("test", streams, 100)], 1).mean(1)
    wrong = torch.stack([b.x.mean((1, 2)) for b in data.chunks("test", streams, 100)]).mean(0)
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=0)
    assert (wrong - whole).abs() > 1e-6  # the mean of chunk means is another number


def test_dynamic_binarisation_draws_afresh_with_the_pixels_as_probabilities() -> None:
    grey, data, streams = digits(), digits(binarise="dynamic"), Streams([0])
    index = torch.full((1, 4000), 3)
    first, second = data.batch(index, streams).x, data.batch(index, streams).x
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    expected = grey.batch(index[:, :1], streams).x[0, 0]
    torch.testing.assert_close(first[0].mean(0), expected, atol=0.04, rtol=0)
    assert (data.info.kind, grey.info.kind) == ("binary", "grey")


def test_static_binarisation_is_drawn_once_from_the_data_seed() -> None:
    index = torch.arange(200)[None]
    first, again, other = (
        digits(binarise="static", seed=seed).batch(index, Streams([number])).x
        for number, seed in enumerate((0, 0, 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert set(first.unique().tolist()) == {0.0, 1.0}


def test_a_threshold_cuts_at_one_half() -> None:
    index = torch.arange(300)[None]
    grey = digits().batch(index, Streams([0])).x
    cut = digits(binarise="threshold").batch(index, Streams([0])).x
    assert torch.equal(cut, (grey > 0.5).float())


@pytest.mark.parametrize(("size", "batch"), [(10, 3), (4, 10), (6, 6)])
def test_each_example_comes_once_per_pass(size: int, batch: int) -> None:
    order = Order(Streams([0, 1]), size)
    drawn = torch.cat([order.next(batch) for _ in range(size)], 1)  # `batch` whole passes
    for member in drawn:
        for one_pass in member.split(size):
            assert torch.equal(one_pass.sort().values, torch.arange(size))
    assert not torch.equal(drawn[0], drawn[1])


def test_an_order_continues_where_it_was_saved() -> None:
    streams = Streams([0, 1])
    order = Order(streams, 10)
    order.next(7)
    saved, stream_state = order.state_dict(), streams.state_dict()
    expected = [order.next(7) for _ in range(3)]
    other = Streams([0, 1])
    other.load_state_dict(stream_state)
    resumed = Order(other, 10)
    resumed.load_state_dict(saved)
    for part in expected:
        assert torch.equal(resumed.next(7), part)


def test_examples_of_a_subset_keep_the_rows_and_fingerprints_of_the_whole_test_set() -> None:
    whole, some = (load(DataSettings(name="digits", test_size=size), Path("absent")) for size in (0, 50))
    assert whole.test_rows.tolist() == list(range(360)) and len(set(some.test_rows)) == 50
    assert (some.fingerprints("test", 50) == whole.fingerprints("test", 360)[some.test_rows]).all()
