"""The description of an exported model, `model.json`: reading it, trusting none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import STORE, WorkbenchError
from workbench.store.json_fields import items, read_table, table

SCHEMA = 1
DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"


def read_description(folder: Path) -> dict[str, Any]:
    """Return the description of an exported model, with every field of its type.

    Raises:
        WorkbenchError: if it is missing, damaged, or of a newer layout (exit code 5).
    """
    path = folder / DESCRIPTION
    found = read_table(path)
    schema = found.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise WorkbenchError(f"Cannot read {path}: newer layout ({schema}).", "Update workbench.", STORE)
    types = {"run": str, "step": int, "seeds": list, "sha256": str, "spec": dict, "data": dict}
    wrong = [name for name, kind in types.items() if not isinstance(found.get(name), kind)]
    if schema != SCHEMA or wrong:
        what = f"its field '{wrong[0]}' is damaged" if wrong and found else "it is missing or damaged"
        raise WorkbenchError(f"Cannot read {path}: {what}.", "Export the model again.", STORE)
    return {**found, "health": items(found.get("health")), "tensors": table(found.get("tensors"))}
