"""A trained model as safetensors and JSON, written as a process, and read back.

    python -m workbench.engine.export_model RUN_FOLDER FOLDER

Writes `model.safetensors` and `model.json` into the new FOLDER, whole or not at all. The weights are those
that the run evaluates: averaged ones where it has them. Exit codes are the worker's (docs/store.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors.numpy
import safetensors.torch

import workbench
from workbench.engine.data.batch import DataInfo
from workbench.engine.environment import code_version
from workbench.engine.loaded import LoadedModel, data_info, final_weights
from workbench.engine.process import explain, log
from workbench.errors import STORE, WorkbenchError
from workbench.exit_codes import WorkerExit
from workbench.spec.resolve import validate
from workbench.store.evaluations import newest_health
from workbench.store.exported import DESCRIPTION, SCHEMA, WEIGHTS, read_description
from workbench.store.files import sync_folder, write_atomic, write_json
from workbench.store.json_fields import read_table
from workbench.store.paths import HEALTH, RunPaths


def export(run: RunPaths, folder: Path) -> None:
    """Write the model of a run's newest checkpoint into `folder`, which must not exist.

    Raises:
        WorkbenchError: if there is no usable checkpoint (3), or the data set is not here (8).
    """
    spec, weights, step = final_weights(run)
    info = data_info(run, spec)
    LoadedModel(spec, info, weights, step)  # what does not fit is not written
    body = safetensors.numpy.save({name: value.contiguous().numpy() for name, value in weights.items()})
    health = newest_health(read_table(run.result), read_table(run.root / HEALTH))
    averaged = spec.training.ema or getattr(spec.model, "ema", None) is not None
    description = {
        "schema": SCHEMA,
        "run": run.id,
        "workbench": workbench.__version__,
        "commit": code_version(),
        "step": step,
        "seeds": list(spec.seeds),
        "weights": "averaged" if averaged else "last",
        "sha256": hashlib.sha256(body).hexdigest(),
        "spec": spec.model_dump(mode="json", exclude_none=True),
        "data": asdict(info),
        "tensors": {
            name: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
            for name, value in weights.items()
        },
        "health": [{"verdict": found.verdict, "reasons": list(found.reasons)} for found in health],
    }
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(mode=0o700, parents=True)
    try:
        write_atomic(temporary / WEIGHTS, body)
        write_json(temporary / DESCRIPTION, description)
        temporary.rename(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)
        raise
    sync_folder(folder.parent)


def load_export(folder: Path, seed: int | None = None, device: str = "cpu") -> LoadedModel:
    """Return the model of an exported folder, of all seeds or of one. Nothing is unpickled.

    Raises:
        WorkbenchError: if the files are damaged (5), or do not fit this version (2).
    """
    found = read_description(folder)
    try:
        body = (folder / WEIGHTS).read_bytes()
    except OSError as problem:
        raise WorkbenchError(f"Cannot read {folder / WEIGHTS}: {problem.strerror}.", "", STORE) from None
    if hashlib.sha256(body).hexdigest() != found["sha256"]:
        raise WorkbenchError(f"Cannot read {folder / WEIGHTS}: its checksum does not match.", "", STORE)
    spec = validate(found["spec"], lambda keys: str(folder / DESCRIPTION))
    return LoadedModel(
        spec, _info(found["data"], folder), safetensors.torch.load(body), found["step"], seed, device
    )


def _info(data: dict[str, Any], folder: Path) -> DataInfo:
    known = {field.name for field in fields(DataInfo)}
    try:
        values = {name: value for name, value in data.items() if name in known}
        return DataInfo(**{**values, "shape": tuple(map(int, values["shape"]))})
    except (KeyError, TypeError, ValueError):
        raise WorkbenchError(f"Cannot read {folder / DESCRIPTION}: 'data' is damaged.", "", STORE) from None


def main(arguments: list[str] | None = None) -> int:
    """Export, and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 2:
        log("usage: python -m workbench.engine.export_model RUN_FOLDER FOLDER")
        return WorkerExit.USAGE
    os.umask(0o077)
    try:
        export(RunPaths(Path(arguments[0]).absolute()), Path(arguments[1]).absolute())
        return WorkerExit.DONE
    except KeyboardInterrupt:
        log("error: Interrupted; nothing was written.")
        return WorkerExit.INTERRUPTED
    except Exception as problem:
        code, sentence = explain(problem, "Free some memory.")
        log(f"error: {sentence}")
        return code


if __name__ == "__main__":
    sys.exit(main())
