"""Group hashes and the numbers of short runs are what they were when they were recorded (tests/golden).

A recorded value may change only with an entry in docs/decisions.md; `tests/golden/record.py` says how.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.golden.record import HERE, RECORDED, RUNS, group_hashes, missing_data, numbers, train
from workbench.api.presets import list_presets
from workbench.engine.worker import main

# among 0/1 codes many points are equal, and their distance is the root of a rounding error
CODES = ("avb-added", "avb-inner-product")
PAUSED = HERE / "store-2" / "runs" / "20261125-113433-vae-digits-rmdu"  # at step 10 of 200
RESUMED = HERE / "store-2" / "resumed.json"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorded")


@pytest.fixture
def worker_here() -> Iterator[None]:
    """Undo what the worker changes in its process: it trains in this one, so that torch is loaded once."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    environment, threads, mask = dict(os.environ), torch.get_num_threads(), os.umask(0o077)
    yield
    for number, handler in signals.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    os.umask(mask)


def in_this_process(folder: Path) -> None:
    assert main([str(folder), "1"]) == 0


def test_every_group_hash_is_as_recorded() -> None:
    assert group_hashes() == json.loads((RECORDED / "hashes.json").read_text())


def test_every_run_and_every_family_is_recorded() -> None:
    files = {path.stem: json.loads(path.read_text()) for path in RECORDED.glob("*.json")}
    del files["hashes"]
    assert files.keys() == RUNS.keys()
    families = {preset.kind for preset in list_presets() if preset.source == "built-in"}
    legacy = {"image-lebm"}  # of 0.1.0: presets have lebm with net = "conv" in its place
    assert {found["outcome"]["kind"] for found in files.values()} == families | legacy


@pytest.mark.parametrize("name", RUNS)
def test_the_numbers_of_a_run_are_as_recorded(name: str, store: Path, worker_here: None) -> None:
    if reason := missing_data(name):
        pytest.skip(reason)
    found = numbers(train(store, name, in_this_process))
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    wrong = list(differences(recorded, found, distance=1e-7 if name in CODES else 1e-9))
    assert not wrong, "\n".join(wrong)


def test_a_run_paused_by_0_1_0_resumes_to_the_result_of_an_uninterrupted_one(
    tmp_path: Path, worker_here: None
) -> None:
    run = shutil.copytree(PAUSED, tmp_path / "run")
    assert main([str(run), "2"]) == 0
    wrong = list(differences(json.loads(RESUMED.read_text()), numbers(run)))
    assert not wrong, "\n".join(wrong)
    kept = (PAUSED / "metrics.jsonl").read_text()  # with its seconds: a restarted run has others
    assert (run / "metrics.jsonl").read_text().startswith(kept)


def differences(old: Any, new: Any, path: str = "", distance: float = 1e-9) -> Iterator[str]:
    """Yield where `new` differs from `old`: floats by more than 1e-9 of it (energy distances: `distance`)."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            yield from differences(old[key], new[key], f"{path}/{key}", distance)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{path}/{position}", distance)
    elif isinstance(old, float) and isinstance(new, float):
        relative = distance if "/energy_distance" in path else 1e-9
        if new != pytest.approx(old, rel=relative, abs=1e-12, nan_ok=True):
            yield f"{path}: {new!r}, recorded was {old!r}"
    elif type(old) is not type(new) or old != new:
        yield f"{path}: {new!r}, recorded was {old!r}"
