"""Which pictures convolutional encoders and decoders can take: known before a run is queued."""

from __future__ import annotations

from typing import Any

from workbench.errors import USAGE, WorkbenchError

NETS = ("conv", "residual")
CHANNELS = ("encoder", "decoder", "generator")  # settings whose layers halve or double the side


def check_nets(model: Any, shape: tuple[int, ...], data: str) -> None:
    """Check that examples of `shape` suit a family's settings; `data` is their name for the message.

    Raises:
        WorkbenchError: if a convolutional net cannot take them (exit code 2).
    """
    kind = getattr(model, "net", "")
    if kind in NETS:
        for field in CHANNELS:
            if layers := len(getattr(model, field, ())):
                picture_size(kind, shape, data, layers, field)


def picture_size(
    kind: str, shape: tuple[int, ...], data: str, layers: int, field: str
) -> tuple[int, int, int]:
    """Return height, width and colours of an example.

    Raises:
        WorkbenchError: if it is no picture, or a side is shorter than 2^layers (exit code 2).
    """
    if len(shape) not in (2, 3):
        raise WorkbenchError(
            f"Cannot use model.net = {kind}: it needs pictures, and {data} has none.",
            "Set model.net to dense, or choose other data.",
            USAGE,
        )
    height, width = shape[:2]
    if min(height, width) < 1 << layers:
        raise WorkbenchError(
            f"Cannot use model.net = {kind}: the {layers} layers of model.{field} need pictures of "
            f"{1 << layers} × {1 << layers} or more; {data} has {height} × {width}.",
            "Each layer halves or doubles the side: remove some.",
            USAGE,
        )
    return height, width, shape[2] if len(shape) == 3 else 1
