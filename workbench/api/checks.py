"""The checks of `workbench doctor`. Nothing here imports torch or changes a file."""

from __future__ import annotations

import locale
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from workbench import __version__
from workbench.api.data import list_sets, writable
from workbench.api.disk import usage
from workbench.api.stores import Store, chosen_folder, open_store
from workbench.errors import STORE, USAGE, WorkbenchError
from workbench.queue.devices import meters
from workbench.settings import cache_dir, config_dir, user_settings
from workbench.spec.presets import list_presets
from workbench.spec.studies import list_studies
from workbench.text import format_bytes

SMALL_DISK = 2 << 30  # bytes free in the store below which checkpoints may soon not fit
CPU_TORCH = "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True)
class Check:
    """One finding. A "missing" thing keeps something from working; `fix` says what to do."""

    name: str
    state: Literal["ok", "warning", "missing"]
    found: str
    fix: str = ""
    exit_code: int = 0


def versions() -> Iterator[Check]:
    """Python, workbench, and every package it needs."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("workbench", "ok", __version__)
    for requirement in _requirements():
        found = re.match(r"([A-Za-z0-9._-]+)(.*)", requirement)
        if not found:
            continue
        name, bounds = found.groups()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            fix = CPU_TORCH if name in ("torch", "torchvision") else f"pip install '{requirement}'"
            yield Check(name, "missing", "not installed", fix, USAGE)
            continue
        if _fits(version, bounds):
            yield Check(name, "ok", version)
        else:
            yield Check(name, "missing", f"{version}, needed {bounds}", f"pip install '{requirement}'", USAGE)


def devices() -> Iterator[Check]:
    """Cores, memory, GPUs, and whether the installed torch can use them."""
    now = meters()
    yield Check("cpu", "ok", f"{now.cores} of {os.cpu_count()} cores usable")
    used, total = now.memory_used / 2**30, now.memory_total / 2**30
    yield Check("memory", "ok", f"{used:.1f} of {total:.1f} GiB used")
    for gpu in now.gpus:
        yield Check(f"cuda:{gpu.index}", "ok", f"{gpu.name}, {gpu.memory_total / 2**30:.0f} GiB")
    if not now.gpus:
        yield Check("gpu", "ok", "none found; runs use the CPU")
    elif _torch_build() == "cpu":
        fix = "Install the CUDA build: pip install --force-reinstall torch torchvision"
        yield Check("torch build", "warning", "CPU only, although there is a GPU", fix)


def data() -> Iterator[Check]:
    """The data folder and the data sets in it."""
    folder = user_settings().data_dir
    can_write = writable(folder)
    can = "writable" if can_write else "read-only"
    yield Check("data folder", "ok", f"{folder} ({can}{'' if folder.is_dir() else ', created at first use'})")
    cache = cache_dir() / "data"  # deleting it costs only time
    size = sum(file.stat().st_size for file in cache.glob("*/*"))
    yield Check("data cache", "ok", f"{cache} ({format_bytes(size)})")
    for item in list_sets():
        yield Check(f"data {item.name}", item.state, item.found, item.fix)


def store(chosen: Store | Path | None) -> Iterator[Check]:
    """The folder of the runs: why this one, free space, permissions."""
    if isinstance(chosen, Store):
        found = chosen
    else:
        try:
            found = open_store(chosen, create=False)
        except WorkbenchError as error:
            if error.exit_code == STORE:
                yield Check("store", "missing", error.title, error.hint, STORE)
                return
            place, _ = chosen_folder(chosen)
            if writable(place):  # not created yet, which is no fault
                yield Check("store", "ok", f"{place}, created with the first run")
            else:
                fix = "Choose a folder you can write to with --store or WORKBENCH_STORE."
                yield Check("store", "missing", f"{place} cannot be created", fix, STORE)
            return
    yield Check("store", "ok", f"{found.root} ({found.why})")
    if found.read_only:
        fix = "Choose another folder with --store, or ask its owner for write access."
        yield Check("store rights", "missing", "read-only: nothing can be queued", fix, STORE)
    free = shutil.disk_usage(found.root).free
    state_of_disk: Literal["ok", "warning"] = "warning" if free < SMALL_DISK else "ok"
    fix = "Free space with `workbench runs prune`, or choose another disk with --store."
    fix = fix if free < SMALL_DISK else ""
    text = f"{free / 2**30:.1f} GiB free"
    if sizes := usage(found):
        largest = max(sizes, key=lambda run_id: sizes[run_id])
        text += f"; runs take {format_bytes(sum(sizes.values()))}, {largest} {format_bytes(sizes[largest])}"
    yield Check("store disk", state_of_disk, text, fix)


def user_files() -> Iterator[Check]:
    """The user's settings, presets and studies."""
    folder = config_dir()
    try:
        user_settings()
        there = "" if (folder / "settings.toml").is_file() else " (no settings.toml; defaults)"
        yield Check("settings", "ok", f"{folder}{there}")
    except WorkbenchError as error:
        yield Check("settings", "missing", error.title, error.hint, error.exit_code)
    presets, studies = list_presets(), list_studies()
    yield Check("presets", "ok", f"{len(presets)} presets, {len(studies)} studies")
    unusable = [(item.name, item.error) for item in presets] + [(item.name, item.error) for item in studies]
    for name, fault in unusable:
        if fault:
            yield Check(name, "warning", "invalid", fault)


def terminal() -> Iterator[Check]:
    """Whether the screens can be shown here, and how well."""
    term = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        yield Check("terminal", "ok", "none: input or output is redirected; plain verbs work")
        return
    if term in ("", "dumb"):
        yield Check("terminal", "warning", f"TERM={term or '(unset)'}", "Set TERM, e.g. TERM=xterm-256color.")
        return
    size = shutil.get_terminal_size()
    tmux = ", inside tmux" if os.environ.get("TMUX") else ""
    if size.columns < 80 or size.lines < 24:
        yield Check("terminal", "warning", f"{size.columns}×{size.lines}{tmux}", "Make it at least 80×24.")
    else:
        yield Check("terminal", "ok", f"{term}, {size.columns}×{size.lines}{tmux}")
    colours = os.environ.get("COLORTERM", "")
    if os.environ.get("NO_COLOR"):
        yield Check("colours", "ok", "disabled by NO_COLOR")
    elif colours in ("truecolor", "24bit"):
        yield Check("colours", "ok", "16 million")
    else:
        fix = "Samples look better with 16 million: set COLORTERM=truecolor if your terminal can"
        inside = " (and in ~/.tmux.conf: set -as terminal-features ',*:RGB')" if tmux else ""
        yield Check("colours", "warning", "256 or fewer", f"{fix}{inside}.")
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(False)).lower().replace("-", "")
    if encoding == "utf8":
        yield Check("characters", "ok", "UTF-8")
    else:
        yield Check("characters", "warning", encoding, "Set LANG=C.UTF-8, or start with --ascii.")


def _requirements() -> list[str]:
    """The package's own requirements, without those of extras."""
    try:
        return [line for line in metadata.requires("workbench") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return ["numpy", "pydantic", "rich", "textual", "torch", "torchvision", "typer"]


def _fits(version: str, bounds: str) -> bool:
    """Whether a version satisfies bounds such as `>=8.2,<9`; only these two signs are used by us."""
    for sign, bound in re.findall(r"(>=|<)\s*([0-9.]+)", bounds):
        have, want = _numbers(version), _numbers(bound)
        if (have < want) if sign == ">=" else (have >= want):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _torch_build() -> str:
    """ "cpu" for the CPU-only build, "cuda" otherwise, "" without torch; read from the package's metadata."""
    try:
        return "cpu" if metadata.version("torch").endswith("+cpu") else "cuda"
    except metadata.PackageNotFoundError:
        return ""
