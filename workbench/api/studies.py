"""Studies: a few presets queued together on the same seeds, to be compared in one table.

>>> next(study.presets for study in api.studies.list_studies() if study.name == "starter")
('vae-digits', 'lae-digits', 'avb-digits', 'lebm-digits')
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.api.queue import check_specs, submit
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
    """Queue every preset of a study; return the run ids. Nothing is queued if one preset is invalid.

    `overrides` ("model.latent=2") and `seeds` (a count or a list) apply to all presets; without `seeds`, the
    study's own are used.

    Raises:
        WorkbenchError: as `study_specs` and `queue.submit`.

    >>> len(api.studies.submit_study(store, "starter", seeds=1))
    4
    """
    study = find_study(name)
    specs = study_specs(study, overrides, seeds)
    check_specs(spec for _, spec in specs)
    tail = "".join(secrets.choice(_TAIL) for _ in range(4))
    study_id = f"{study.name}-{time.strftime('%Y%m%d-%H%M%S')}-{tail}"  # sorts by time
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
    """Return (preset, spec) for each preset and point of a study's grid.

    Raises:
        WorkbenchError: exit code 3 for an unknown preset, 2 for an invalid setting; it names the study.

    >>> [preset for preset, _ in api.studies.study_specs(api.studies.find_study("starter"))]
    ['vae-digits', 'lae-digits', 'avb-digits', 'lebm-digits']
    """
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
