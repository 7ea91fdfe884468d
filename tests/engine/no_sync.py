"""A watchman for training steps: on the CPU it fails whatever would make a GPU wait for the host."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
WAITING = {
    aten._local_scalar_dense.default,
    aten.is_nonzero.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
}
READERS = ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__", "__array__")


class NoSync(TorchDispatchMode):
    """Raises AssertionError at the first operation that waits: .item(), if tensor:, a boolean index."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in WAITING:
            raise AssertionError(f"{function} waits for the device")
        if function.overloadpacket in (aten.index, aten.index_put, aten.index_put_):
            for index in args[1]:
                if index is not None and index.dtype in (torch.bool, torch.uint8):
                    raise AssertionError("a boolean index waits for the device")
        return function(*args, **(kwargs or {}))

    def __enter__(self) -> Any:
        # some of these read the memory of a CPU tensor without any dispatched operation
        self._saved = {name: getattr(torch.Tensor, name) for name in READERS}
        for name in READERS:
            setattr(torch.Tensor, name, _refusal(name))
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, method in self._saved.items():
            setattr(torch.Tensor, name, method)
        super().__exit__(kind, value, trace)


def _refusal(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"Tensor.{name} waits for the device")

    return refuse
