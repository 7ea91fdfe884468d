"""What earlier attempts took, by group and number of seeds: runs that declare no memory are placed by it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from socket import gethostname

from workbench.queue.policy import Need
from workbench.store.json_fields import items, read_table, table
from workbench.store.paths import StorePaths
from workbench.store.runs import run_ids
from workbench.store.usage import Usage, read_usage

NEWEST = 2000  # runs that are read when a scheduler starts: 0.3 s
Group = tuple[str, int]


@dataclass
class _Known:
    gpu_mb: int = 0
    host_mb: int = 0
    gpu_rate: float = 0.0  # steps per second on this machine
    cpu_rate: float = 0.0


class Learnt:
    """Peaks and speeds of the groups of one store."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, _Known]] = {}  # by hash of the settings, and number of seeds
        self.version = 0  # rises when something new is known

    def read(self, store: StorePaths) -> None:
        """Take in the attempts of the newest runs; ids sort by time."""
        for run_id in sorted(run_ids(store.root))[-NEWEST:]:
            paths = store.run(run_id)
            origin = read_table(paths.origin)
            group = (str(origin.get("group", "")), len(items(table(origin.get("brief")).get("seeds"))))
            try:
                numbers = [int(name) for name in os.listdir(paths.attempts) if name.isdecimal()]  # noqa: PTH208
            except OSError:
                continue
            for number in numbers:
                self.note(group, read_usage(paths.attempt(number)))

    def note(self, group: Group, usage: Usage | None) -> None:
        """Take in what one attempt took so far."""
        name, seeds = group
        if usage is None or not name:
            return
        known = self._known.setdefault(name, {}).setdefault(seeds, _Known())
        before = replace(known)
        known.gpu_mb = max(known.gpu_mb, usage.gpu_mb)
        known.host_mb = max(known.host_mb, usage.host_mb)
        if usage.host == gethostname() and usage.steps_per_second:
            if usage.on_gpu:
                known.gpu_rate = usage.steps_per_second
            else:
                known.cpu_rate = usage.steps_per_second
        self.version += known != before

    def fill(self, need: Need) -> Need:
        """Return `need` with what is known of its group.

        Runs of fewer seeds count in proportion, which is too much rather than too little; those of more as
        they are. The CPU is allowed beside GPUs for small data, unless earlier runs were slower there.
        """
        name, seeds = need.group
        alike = self._known.get(name)
        if not alike:
            return replace(need, cpu=need.small)
        count = seeds if seeds in alike else min(alike, key=lambda other: abs(other - seeds))
        known, scale = alike[count], max(1.0, seeds / max(count, 1))
        compared = count == seeds and known.cpu_rate > 0 and known.gpu_rate > 0
        faster = compared and known.cpu_rate > known.gpu_rate
        return replace(
            need,
            gpu_peak_mb=round(known.gpu_mb * scale),
            host_peak_mb=round(known.host_mb * scale),
            cpu=faster if compared else need.small,
            cpu_first=faster,
        )
