"""What a run ran on and from: command, code version, packages, machine; secrets taken out."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import workbench
from workbench.secrets import REDACTED, is_secret, without_passwords
from workbench.store.code_state import git_state

RELEVANT = ("WORKBENCH_", "CUDA_", "OMP_", "MKL_", "TORCH", "PYTORCH_", "NVIDIA_", "SLURM_", "PYTHON")


def capture(seeds: Sequence[int], device: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the content of environment.json. Asks git twice, so it takes some 50 ms."""
    environ = os.environ if environ is None else environ
    found = {
        "schema": 1,
        "time": time.time(),
        "command": sys.argv,
        "python": platform.python_version(),
        "workbench": workbench.__version__,
        "git": git_state(Path(workbench.__file__).parent),
        "packages": dict(sorted({str(d.name): d.version for d in distributions() if d.name}.items())),
        "device": device,
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "variables": {
            name: REDACTED if is_secret(name, value) else value
            for name, value in sorted(environ.items())
            if name.startswith(RELEVANT)
        },
        "seeds": list(seeds),
    }
    cleaned: dict[str, Any] = _without_secrets(found, environ)
    return cleaned


def code_version() -> str | None:
    """Return the commit of the code, "…-dirty" where it has been changed since; None outside a checkout."""
    found = git_state(Path(workbench.__file__).parent)
    return None if found is None else found["commit"] + ("-dirty" if found["diff"] else "")


def _without_secrets(value: Any, environ: Mapping[str, str]) -> Any:
    """Replace passwords in URLs, and the values of secret variables wherever they turn up (a diff, say)."""
    secrets = sorted(
        {v for name, v in environ.items() if is_secret(name, v) and len(v) >= 8}, key=len, reverse=True
    )

    def clean(item: Any) -> Any:
        if isinstance(item, str):
            for secret in secrets:
                item = item.replace(secret, REDACTED)
            return without_passwords(item)
        if isinstance(item, dict):
            return {key: clean(v) for key, v in item.items()}
        return [clean(v) for v in item] if isinstance(item, list) else item

    return clean(json.loads(json.dumps(value, default=str)))


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.processor()
