"""How much memory a run will need, found without using it: a training step on the device of shapes."""

from __future__ import annotations

import weakref
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


# updates in place that have no form for shapes
IN_PLACE = {torch.ops.aten._fused_sgd_, torch.ops.aten._fused_adam_, torch.ops.aten._fused_adamw_}


class Shapes(Streams):
    """Random numbers of which only the shapes exist."""

    def __init__(self, seeds: Any, dtype: torch.dtype) -> None:
        super().__init__(seeds, "meta", dtype)

    def _draw(self, fill: Any, purpose: str, shape: tuple[int, ...]) -> Tensor:
        return torch.empty(len(self.seeds), *shape, device=self.device, dtype=self.dtype)

    def permutation(self, purpose: str, count: int) -> Tensor:
        """Return an order of 0..count-1 per member, [S, count]."""
        return torch.empty(len(self.seeds), count, device=self.device, dtype=torch.int64)

    def fork(self, name: str) -> Shapes:
        """Return fresh streams."""
        return Shapes(self.seeds, self.dtype)


class Peak(TorchDispatchMode):
    """Counts the bytes of all tensors that live at the same time while it is active, and their most."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.most = 0, 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in IN_PLACE:
            return None
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self._known:
                self._known.add(storage)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._freed, storage.nbytes())
        return found

    def _freed(self, size: int) -> None:
        self.now -= size


def training_bytes(spec: RunSpec, data: DataInfo) -> int:
    """Return the most bytes that model, gradients, optimiser and a training step take at the same time.

    Raises:
        Exception: if the family does not train without numbers.
    """
    streams = Shapes(spec.seeds, DTYPES[spec.training.precision])
    members, batch = len(spec.seeds), spec.training.batch
    with Peak() as peak:
        model = build_model(spec, data, streams)
        model.updates_planned = 1000
        for _ in range(STEPS):
            x = torch.empty(members, batch, data.dimensions, device="meta", dtype=streams.dtype)
            index = torch.empty(members, batch, device="meta", dtype=torch.int64)
            model.training_step(Batch(x, index, index), streams)
    return peak.most


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
