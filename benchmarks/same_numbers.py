"""Compare two checkouts bit for bit on this machine: hashes, training, estimates, exports.

    python benchmarks/same_numbers.py OTHER_CHECKOUT [--wording]

tests/golden/record.py of this checkout measures both, at the same time, with the same Python: group hashes;
specs, metrics, curves, estimates and arrays of short runs of every family; exports of the golden stores.
Prints each difference and exits with 1 if there is any. With --wording, labels and notes of exported tables
may differ, and only their cells count. Takes about four minutes on two cores. Runs on MNIST are left out
unless WORKBENCH_DATA_DIR has it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
ABSENT = "(absent)"


def measure(checkout: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start measuring `checkout` into a new `folder`, without this user's settings and presets."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WORKBENCH_")}
    data = {name: text for name, text in os.environ.items() if name == "WORKBENCH_DATA_DIR"}
    own = {"PYTHONPATH": str(checkout), "WORKBENCH_CONFIG": str(folder.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "tests" / "golden" / "record.py"), str(folder)]
    return subprocess.Popen(command, env={**kept, **data, **own}, cwd=folder.parent)


def cells(table: dict[str, list[str]]) -> dict[str, Any]:
    """Return the rows and their runs alone, of one store's exports."""
    documents = {form: json.loads("\n".join(table[form])) for form in table if form.startswith("json")}
    return {form: {key: found[key] for key in ("rows", "sources")} for form, found in documents.items()}


def differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """Yield each place where two JSON documents differ; floats are equal only if all their bits are."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), f"{path} / {key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{path} / {position}")
    elif (there := json.dumps(old, ensure_ascii=False)) != (here := json.dumps(new, ensure_ascii=False)):
        yield f"{path}\n    there: {there}\n    here:  {here}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("other", type=Path, help="a checkout of another version")
    parser.add_argument(
        "--wording", action="store_true", help="let labels and notes of exported tables differ"
    )
    options = parser.parse_args()
    if not (options.other / "workbench" / "__init__.py").is_file():
        parser.error(f"{options.other} is not a checkout of workbench")
    with tempfile.TemporaryDirectory(prefix="same-numbers-") as place:
        folders = [Path(place) / side for side in ("there", "here")]
        checkouts = [options.other.resolve(), HERE]
        running = [measure(*pair) for pair in zip(checkouts, folders, strict=True)]
        ends = [process.wait() for process in running]
        if any(ends):
            print("Not compared: one checkout could not be measured.")
            return 1
        there, here = ({p.stem: json.loads(p.read_text()) for p in f.glob("*.json")} for f in folders)
    if options.wording:
        for side in (there, here):
            side |= {name: cells(side[name]) for name in side if name.startswith("store-")}
    found = list(differences(there, here, options.other.name))
    print(*found, f"{len(here)} measurements, {len(found)} differences.", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
