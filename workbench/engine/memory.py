"""How much memory a run will need, found from training steps on a few examples."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.free_memory import free_bytes
from workbench.engine.setup import DTYPES, build_model
from workbench.engine.streams import Streams
from workbench.spec.schema import RunSpec
from workbench.text import format_bytes

STEPS = 2  # the second has the optimiser's state from its beginning
SIZES = (2, 3, 4)  # of batches; a tensor's bytes are a constant, or grow with the batch or its square


class Unpadded(Streams):
    """Random numbers without the padding of `Streams`, which would hide how tensors grow with the batch."""

    def _draw(self, fill: Any, purpose: str, shape: tuple[int, ...]) -> Tensor:
        rows = torch.empty(len(self.seeds), *shape, device=self.device, dtype=self.dtype)
        for row, generator in zip(rows, self.generators(purpose), strict=True):
            fill(row, generator)
        return rows

    def fork(self, name: str) -> Unpadded:
        """Return fresh streams."""
        return Unpadded(self.seeds, self.device, self.dtype)


class Peak(TorchDispatchMode):
    """Counts the bytes of all tensors that live at the same time while it is active.

    `now` is their sum, `most` its largest value, and `trace` its value after each new tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.trace = 0, [0]
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    @property
    def most(self) -> int:
        """The largest number of bytes so far."""
        return max(self.trace)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would load its compiler to skip this mode: 2 s and 40 MB."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self._known:
                self._known.add(storage)
                self.now += storage.nbytes()
                self.trace.append(self.now)
                weakref.finalize(storage, self._freed, storage.nbytes())
        return found

    def _freed(self, size: int) -> None:
        self.now -= size


def training_bytes(spec: RunSpec, data: DataInfo) -> int:
    """Return the most bytes that model, gradients, optimiser and a training step take at the same time.

    Steps of one member on 2, 3 and 4 examples have the same tensors in the same order. The bytes that live
    after each of them are extrapolated to the batch. Shapes alone (torch's device "meta") would do as well,
    but load torch's compiler, which takes 2 s.

    Raises:
        ValueError: if the order depends on the numbers.
        Exception: if the family cannot train on so few examples.
    """
    traces = [trace(spec, data, size) for size in SIZES]
    if len({len(trace) for trace in traces}) > 1:
        raise ValueError("the tensors of a step depend on the numbers")
    batch = spec.training.batch
    most = max(_extrapolated(bytes_, batch) for bytes_ in zip(*traces, strict=True))
    return len(spec.seeds) * most


def trace(spec: RunSpec, data: DataInfo, size: int) -> list[int]:
    """Return the bytes that live after each new tensor of `STEPS` steps of one member."""
    streams = Unpadded(spec.seeds[:1], "cpu", DTYPES[spec.training.precision])
    collecting = gc.isenabled()
    gc.disable()  # cycles that are freed at other moments in another trace would be extrapolated
    try:
        with Peak() as peak:
            model = build_model(spec, data, streams)
            model.updates_planned = 1000
            for _ in range(STEPS):
                x = streams.uniform("data", size, data.dimensions)
                index = torch.zeros(1, size, dtype=torch.int64)
                model.training_step(Batch(x, index, index), streams)
    finally:
        if collecting:
            gc.enable()
    return peak.trace


def _extrapolated(values: Sequence[int], size: int) -> int:
    """Return at `size` the parabola through `values` at `SIZES`."""
    first, middle, last = values
    bend = last - 2 * middle + first
    offset = size - SIZES[0]
    return first + offset * (middle - first) + offset * (offset - 1) // 2 * bend


def enough_memory(spec: RunSpec, data: DataSet) -> str:
    """Return a line for the log: how much memory data and training take, and how much is free.

    Raises:
        MemoryError: if a training step alone takes more than is free.
    """
    free = free_bytes(data.device)
    stored = f"data {format_bytes(data.bytes)}{' on disk' if data.streamed else ''}"
    try:
        need = training_bytes(spec, data.info)
    except Exception as problem:  # a plug-in may not train without numbers
        return f"memory: {stored}; training unknown ({type(problem).__name__}); {format_bytes(free)} free"
    if need > free:
        raise MemoryError(f"A training step takes {format_bytes(need)}, and {format_bytes(free)} are free.")
    return f"memory: {stored}, training {format_bytes(need)}; {format_bytes(free)} free"
