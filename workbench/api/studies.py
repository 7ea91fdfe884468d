"""Studies: a few presets queued together on the same seeds, to be compared in one table."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.spec.resolve import expand
from workbench.spec.studies import Study, find_study, list_studies

if TYPE_CHECKING:
    from workbench.api.stores import Store
    from workbench.spec.schema import RunSpec

__all__ = ["Study", "find_study", "list_studies", "study_specs", "submit_study"]

_TAIL = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that look like digits


def submit_study(
    store: Store,
    name: str,
    *,
    overrides: Sequence[str] = (),
    seeds: str | int | Sequence[int] | None = None,
    priority: int = 0,
) -> list[str]:
    """Queue every preset of a study; return the run ids. Nothing is queued if one preset is wrong.

    `overrides` and `seeds` apply to all presets; without `seeds`, the study's own are taken.
    """
    from workbench.api.queue import check_specs, submit

    study = find_study(name)
    specs = study_specs(study, overrides, seeds)
    check_specs(spec for _, spec in specs)
    study_id = new_study_id(study.name)
    ids: list[str] = []
    for preset, spec in specs:
        ids += submit(
            store,
            [spec],
            preset=preset,
            overrides=list(overrides),
            study=study.name,
            study_id=study_id,
            priority=priority,
        )
    return ids


def study_specs(
    study: Study, overrides: Sequence[str] = (), seeds: str | int | Sequence[int] | None = None
) -> list[tuple[str, RunSpec]]:
    """Return (preset, spec) for each preset and point of a study's grid; a fault names the study too."""
    chosen = seeds if seeds is not None else study.seeds
    specs: list[tuple[str, RunSpec]] = []
    for preset in study.presets:
        try:
            specs += [(preset, spec) for spec in expand(preset, overrides, study.grid, chosen)]
        except WorkbenchError as error:
            raise WorkbenchError(
                f"Study '{study.name}': {error.title}", error.hint, error.exit_code
            ) from None
    return specs


def new_study_id(name: str) -> str:
    """Return an id that sorts by time and can be read, such as `starter-20261121-142530-k3f9`."""
    tail = "".join(secrets.choice(_TAIL) for _ in range(4))
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{tail}"
