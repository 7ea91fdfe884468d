"""The command and environment of one attempt: shim, worker, device, threads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.queue import shim
from workbench.queue.devices import Gpu
from workbench.queue.executors.base import Launch
from workbench.queue.policy import Need
from workbench.secrets import is_secret
from workbench.store.files import read_toml
from workbench.store.json_fields import items, read_table, table
from workbench.store.paths import RunPaths, StorePaths

LOG_LIMIT = 8 << 20  # bytes of worker.log; beyond it the middle is cut out
VISIBLE = "CUDA_VISIBLE_DEVICES"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
WORKER = (sys.executable, "-P", "-m", "workbench.engine.worker")


def read_need(paths: RunPaths) -> Need | None:
    """Return what the run asks for, read from its spec without checking all of it; None if unreadable."""
    spec = read_toml(paths.spec)
    if spec is None:
        return None
    asked, origin = table(spec.get("resources")), read_table(paths.origin)
    chosen = table(origin.get("variables")).get(VISIBLE)
    try:
        return Need(
            id=paths.id,
            device=str(asked.get("device", "auto")),
            threads=int(asked.get("threads", 1)),
            gpu_share=float(asked.get("gpu_share", 0.0)),
            memory_mb=int(asked.get("memory_mb", 0)),
            minutes=float(asked.get("minutes", 0.0)),
            group=(str(origin.get("group", "")), len(items(spec.get("seeds")))),
            small=origin.get("small") is True,
            visible=chosen if isinstance(chosen, str) else None,
        )
    except (TypeError, ValueError, OverflowError):  # damaged by hand: no number, or nan
        return None


def make_launch(
    store: StorePaths,
    need: Need,
    number: int,
    device: str,
    gpus: Sequence[Gpu],
    worker: Sequence[str] = WORKER,
    *,
    inline: bool = False,
) -> Launch:
    """Return the launch of attempt `number` of a run on `device` (cpu or cuda:N)."""
    paths = store.run(need.id)
    attempt = paths.attempt(number)
    key = f"{need.id}.{number}"
    job = {
        "key": key,
        "device": device,
        "argv": [*worker, str(paths.root), str(number)],
        "lock": str(attempt.lock),
        "claim": str(attempt.claim),
        "exit": str(attempt.exit),
        "log": str(paths.log),
        "progress": str(paths.progress),
        "log_limit": LOG_LIMIT,
        "inline": inline,
    }
    return Launch(
        key=key,
        argv=(sys.executable, "-I", "-S", str(Path(shim.__file__)), json.dumps(job)),
        log=str(store.scheduler_log),
        cpus=need.threads,
        memory_mb=need.memory_mb,
        gpu=need.gpu_share if device != "cpu" else 0.0,
        env=tuple(_environment(paths, need, device, gpus).items()),
    )


def _environment(paths: RunPaths, need: Need, device: str, gpus: Sequence[Gpu]) -> dict[str, str]:
    """Return what the worker must find in its environment besides the scheduler's own.

    The worker sees one GPU at most, named by UUID: numbers differ between CUDA and NVML. It is
    `cuda:0` there, whatever its number on this machine; WORKBENCH_DEVICE says so.
    """
    variables = table(read_table(paths.origin).get("variables"))
    env = {str(k): str(v) for k, v in variables.items()}  # CUDA_VISIBLE_DEVICES has done its part
    env |= dict.fromkeys(THREADS, str(need.threads))
    env |= {"PYTHONUNBUFFERED": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if device == "cpu":
        return env | {"WORKBENCH_DEVICE": "cpu", VISIBLE: ""}
    uuid = next((gpu.uuid for gpu in gpus if f"cuda:{gpu.index}" == device), device.removeprefix("cuda:"))
    return env | {"WORKBENCH_DEVICE": "cuda:0", VISIBLE: uuid}


def submitter_variables() -> dict[str, str]:
    """Return the settings of this process that count for its runs: WORKBENCH_* ones, and the GPUs it may use.

    A scheduler started from another shell would not pass them on by itself. Secrets are left out.
    """
    left_out = ("WORKBENCH_STORE", "WORKBENCH_DEVICE")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("WORKBENCH_") and name not in left_out and not is_secret(name, value)
    }
    return kept | ({VISIBLE: os.environ[VISIBLE]} if VISIBLE in os.environ else {})
