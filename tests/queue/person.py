"""Stands in for the TUI or a CLI client under fire: submits runs, makes requests, starts the scheduler.

    python person.py STORE RUNS STEPS SCHEDULER-COMMAND…

It may be killed at any moment and is then started again; it goes on until RUNS run folders exist,
and then keeps a scheduler alive as an open TUI does. With PERSON_QUIET in the environment it makes
no requests.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from workbench.queue import client
from workbench.spec.schema import RunSpec
from workbench.store.runs import create_run, run_ids
from workbench.store.state import write_request
from workbench.store.store import open_store


def main(folder: str, runs: str, steps: str, *command: str) -> None:
    """Act as a person at the keyboard, for ever."""
    store = open_store(Path(folder))
    client.COMMAND[:] = command[:2] if command[1].endswith(".py") else command[:4]
    arguments = command[len(client.COMMAND) :]
    log = Path(folder).with_name("submitted.txt")
    while True:
        if len(run_ids(store.root)) < int(runs):
            run_id = create_run(store.paths, tiny_spec("tiny", int(steps)))
            with log.open("a") as file:
                file.write(run_id + "\n")
        for run_id in [] if "PERSON_QUIET" in os.environ else random.sample(sorted(run_ids(store.root)), 1):
            verb = random.choice(["pause", "resume", "resume", "priority"])
            write_request(store.run(run_id), verb, random.randint(0, 3) if verb == "priority" else None)
        client.ensure_scheduler(store, arguments)
        time.sleep(0.15)


def tiny_spec(name: str, steps: int, **resources: object) -> RunSpec:
    """Return a spec of `steps` steps on the CPU; the test trainer looks at its name."""
    document = {
        "name": name,
        "model": {"kind": "vae"},
        "training": {"iterations": steps},
        "resources": {"device": "cpu", **resources},
    }
    return RunSpec.model_validate_json(json.dumps(document))


if __name__ == "__main__":
    main(*sys.argv[1:])
