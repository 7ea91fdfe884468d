"""The face for notebooks and scripts: `workbench.load`, `run`, `runs`, `table` and `presets`.

Everything is read as plain values and NumPy arrays; only `Run.model` loads torch. The store is the one that
the command line would use in the current folder, unless `store` names another folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.errors import NOT_FOUND, RUN_FAILED, USAGE, WorkbenchError
from workbench.spec.overrides import toml_text
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.api.live import Latents, LiveRun, Samples
    from workbench.engine.loaded import LoadedModel

__all__ = ["Export", "Run", "Runs", "load", "presets", "run", "runs", "table"]

TICK = 0.25  # seconds between two looks at a run that is waited for
REVIVE = 5.0  # seconds between checks that a scheduler lives
Place = str | Path | None  # a folder
Changes = Mapping[str, Any] | Sequence[str]  # {"model.latent": 16}, or ["model.latent=16"] as after --set


class Run:
    """One run of a store. What changes while it trains is read again at each access."""

    def __init__(self, store: api.stores.Store, run_id: str) -> None:
        self.store, self.id = store, run_id

    def __repr__(self) -> str:
        row = self._row
        seeds = f"seed{'s' * (len(row.seeds) > 1)} {', '.join(map(str, row.seeds[:8]))}"
        more = ", …" if len(row.seeds) > 8 else ""
        words = f"{self.id}: {row.name}, {seeds}{more}, {row.state}, step {row.step}"
        return f"<Run {safe_text(words, 300, one_line=True)}>"

    @property
    def _row(self) -> api.runs.RunRow:
        return api.runs.find_run(self.store, self.id)

    @property
    def folder(self) -> Path:
        """The run's folder (docs/store.md)."""
        return self.store.root / self.id

    @property
    def name(self) -> str:
        """Its preset and what differs from it."""
        return self._row.name

    @property
    def state(self) -> str:
        """One of queued, starting, running, paused, finished, failed, cancelled."""
        return self._row.state

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds trained together, in the order of the first axis of every array."""
        return self._row.seeds

    @property
    def health(self) -> list[dict[str, Any]]:
        """The verdict on each seed and its reasons; empty if none was made."""
        return [{"verdict": found.verdict, "reasons": list(found.reasons)} for found in self._row.health]

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Every setting, by section."""
        return api.runs.spec_of(self.store, self.id).model_dump(mode="json", exclude_none=True)

    @property
    def result(self) -> dict[str, dict[str, Any]]:
        """The final metrics: `values` [S], standard errors `se` [S] or None, `n`; empty before the end."""
        return _entries(api.evaluations.results_of(self.store, self.id))

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """The estimates made after the end, oldest first; their `metrics` as in `result`."""
        found = api.evaluations.list_evaluations(self.store, self.id)
        return [{**asdict(each), "metrics": _entries(each.metrics)} for each in found]

    @property
    def curves(self) -> api.live.Curves:
        """The curves so far."""
        return api.live.curves_of(self._live)

    @property
    def examples(self) -> dict[str, api.evaluations.Examples]:
        """Metrics by test example: `values` [S, n], rows `index` [n] of the test set, and their `ids` [n]."""
        return api.evaluations.examples_of(self.store, self.id)

    @property
    def sample_steps(self) -> list[int]:
        """The steps at which samples were drawn."""
        return self._live.sample_steps()

    @property
    def latent_steps(self) -> list[int]:
        """The steps at which latents were kept."""
        return self._live.latent_steps()

    def samples(self, step: int | None = None) -> Samples:
        """Return the samples of a step (default: the newest): uint8 `images` [S, n, H, W] or `points`.

        Raises:
            WorkbenchError: exit code 3 if there are none of that step.
        """
        live = self._live
        return _found(live.samples(step), "samples", self.id, step, live.sample_steps())

    def latents(self, step: int | None = None) -> Latents:
        """Return the latents of a step (default: the newest): `z` [S, n, d] of test examples, `labels` [n].

        Raises:
            WorkbenchError: exit code 3 if there are none of that step.
        """
        live = self._live
        return _found(live.latents(step), "latents", self.id, step, live.latent_steps())

    def model(self, seed: int | None = None, device: str = "cpu") -> LoadedModel:
        """Return the trained model, of all seeds or of one: `encode`, `decode`, `sample`, `log_joint`.

        Raises:
            WorkbenchError: if there is no usable checkpoint or no such seed (3), the seed diverged (2), or
                the data set is not here (8).
        """
        from workbench.engine.loaded import load_run  # loads torch

        return load_run(self.store.run(self.id), seed, device)

    def export_model(self, folder: str | Path) -> Export:
        """Write the model into a new folder, as `workbench export-model` does, and return it.

        Raises:
            WorkbenchError: as `workbench.api.models.export_model`.
        """
        return Export(api.models.export_model(self.store, self.id, Path(folder)))

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run is over, at most `timeout` seconds, and return it.

        Raises:
            WorkbenchError: exit code 4 if it failed or was cancelled, or is not over in time.
        """
        Runs([self]).wait(timeout)
        return self

    @property
    def _live(self) -> LiveRun:
        live = api.live.LiveRun(self.store, self.id)
        while live.poll():  # a large metrics file is read in parts
            pass
        return live


class Runs(tuple[Run, ...]):
    """Several runs of one store."""

    __slots__ = ()

    def wait(self, timeout: float | None = None) -> Runs:
        """Wait until all runs are over, at most `timeout` seconds, and return them.

        Raises:
            WorkbenchError: exit code 4 if one failed or was cancelled, or is not over in time.
        """
        begun = checked = time.monotonic()
        while waiting := [run for run in self if run._row.live]:
            now = time.monotonic()
            if timeout is not None and now - begun >= timeout:
                raise WorkbenchError(
                    f"Run {waiting[0].id} is {waiting[0].state} after {timeout:g} s.", "", RUN_FAILED
                )
            if now - checked > REVIVE and any(run.state == "queued" for run in waiting):
                api.queue.ensure_scheduler(waiting[0].store)
                checked = now
            time.sleep(TICK)
        for row in (run._row for run in self):
            if row.state != "finished":
                hint = f"`workbench runs log {row.id}` shows its log."
                raise WorkbenchError(f"Run {row.id} is {row.state}. {row.reason}".strip(), hint, RUN_FAILED)
        return self


class Export:
    """A model that `workbench export-model` wrote, without its run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        words = f"{self.description['run']}: {self.spec['name']}, seeds {self.description['seeds']}"
        return f"<Export {safe_text(words, 300, one_line=True)}>"

    @cached_property
    def description(self) -> dict[str, Any]:
        """Content of model.json: run, spec, seeds, step, data, tensors, health."""
        return api.models.read_description(self.folder)

    @property
    def spec(self) -> dict[str, Any]:
        """Every setting, by section."""
        found: dict[str, Any] = self.description["spec"]
        return found

    @property
    def health(self) -> list[dict[str, Any]]:
        """The verdict on each seed and its reasons."""
        found: list[dict[str, Any]] = self.description["health"]
        return found

    def model(self, seed: int | None = None, device: str = "cpu") -> LoadedModel:
        """Return the model, of all seeds or of one, as `Run.model` does. The data set is not needed.

        Raises:
            WorkbenchError: if the files are damaged (5), or there is no such seed (3).
        """
        from workbench.engine.export_model import load_export  # loads torch

        return load_export(self.folder, seed, device)


def load(name: str | Path, *, store: Place = None) -> Run | Export:
    """Return a run, by its id, a prefix or suffix of it, or its folder; or an exported model, by its folder.

    Raises:
        WorkbenchError: if there is none (3), or several runs match (2).
    """
    folder = Path(name).expanduser()
    if (folder / api.models.DESCRIPTION).is_file():
        return Export(folder.absolute())
    if (folder / "spec.toml").is_file() and store is None:
        folder = folder.resolve()
        opened = api.stores.open_store(folder.parent, create=False)
        return Run(opened, api.runs.find_run(opened, folder.name).id)
    opened = _store(store)
    return Run(opened, api.runs.find_run(opened, str(name)).id)


def run(
    preset: str,
    changes: Changes = (),
    seeds: int | str | Sequence[int] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    inline: bool = False,
    priority: int = 0,
    store: Place = None,
) -> Runs:
    """Queue a preset, or repeat a run, with `changes`; one run for each combination of `grid`.

    The runs train in the background, and `wait()` waits for them. With `inline` they train one after the
    other as a child of this process, and are over on return. `seeds` is a count or a list.

    Raises:
        WorkbenchError: for a faulty change (2), an unknown name (3), a device (6) or data set (8) that is not
            here; with `inline`, if a run fails (4).
    """
    opened = _store(store, create=True)
    sets = _texts(changes)
    points = [f"{key}={','.join(map(toml_text, values))}" for key, values in (grid or {}).items()]
    source = api.sources.find_source(opened, preset)
    specs = api.presets.expand(source.preset, sets, points, seeds)
    api.queue.check_specs(specs)
    overrides, repeated = [*sets, *points], source.run
    ids = api.queue.submit(
        opened,
        specs,
        preset=source.origin,
        overrides=overrides,
        rerun_of=repeated,
        priority=priority,
        inline=inline,
    )
    found = Runs(Run(opened, run_id) for run_id in ids)
    if inline:
        for run_id in ids:
            api.queue.run_inline(opened, run_id)
        found.wait(0)
    return found


def runs(filter: str = "", *, store: Place = None) -> Runs:
    """Return the runs, newest first; `filter` as in `workbench runs ls --filter`: "model:lae test_mse<0.03".

    Raises:
        WorkbenchError: if the filter is faulty (2), or there is no store (3).
    """
    opened = _store(store)
    rows = api.runs.filter_rows(opened, api.runs.list_runs(opened), filter)
    return Runs(Run(opened, row.id) for row in rows)


def table(
    which: str | Sequence[str | Run] = "all",
    metrics: Sequence[str] | None = None,
    *,
    store: Place = None,
    frame: bool | str = False,
) -> Any:
    """Return a comparison as a list of rows, or with `frame` as a data frame of pandas or else polars.

    `which` is a study, "all" for all finished runs, or runs. Of a metric a row has the mean over seeds, and
    as `<metric>_std` and `<metric>_n` its sample standard deviation and the number of seeds (docs/tables.md).

    Raises:
        WorkbenchError: for an unknown study, run or metric (3); with `frame`, if no library is installed (2).
    """
    opened = _store(store)
    if which == "all":
        found = api.tables.comparison(opened, api.runs.list_runs(opened, states=["finished"]), metrics)
    elif isinstance(which, str):
        found = api.tables.study_table(opened, which, metrics)
    else:
        names = [item.id if isinstance(item, Run) else item for item in which]
        found = api.tables.comparison(opened, [api.runs.find_run(opened, name) for name in names], metrics)
    rows = []
    for cells in found.rows:
        row: dict[str, Any] = {}
        for column, cell in zip(found.columns, cells, strict=True):
            number = cell.kind == "number"
            row[column.key] = cell.mean if number else cell.text
            if number and not column.exact:
                row |= {f"{column.key}_std": cell.std, f"{column.key}_n": cell.n}
        rows.append(row)
    if not frame:
        return rows
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return api.live.data_frame(
        {key: [row.get(key) for row in rows] for key in columns}, "" if frame is True else frame
    )


def presets() -> list[dict[str, Any]]:
    """Return name, title, family, data set and seeds of every preset that can be used."""
    keys = ("name", "title", "kind", "data", "seeds")
    return [{key: getattr(p, key) for key in keys} for p in api.presets.list_presets() if not p.error]


def _store(place: Place, *, create: bool = False) -> api.stores.Store:
    return api.stores.open_store(None if place is None else Path(place), create=create)


def _entries(metrics: Mapping[str, api.evaluations.Entry]) -> dict[str, dict[str, Any]]:
    """Return metrics as arrays; a value that is not finite is NaN."""
    import numpy as np  # `import workbench` is quick

    return {
        name: {
            "values": np.array(entry.values, float),
            "se": None if entry.se is None else np.array(entry.se, float),
            "n": entry.n,
        }
        for name, entry in metrics.items()
    }


def _texts(changes: Changes) -> list[str]:
    """Return changes as --set takes them."""
    if isinstance(changes, str):
        raise WorkbenchError("Cannot read the changes: a text.", 'Give {"model.latent": 16}.', USAGE)
    if isinstance(changes, Mapping):
        return [f"{key}={toml_text(value)}" for key, value in changes.items()]
    return list(changes)


def _found(value: Any, what: str, run_id: str, step: int | None, steps: list[int]) -> Any:
    if value is None:
        known = f"Steps: {', '.join(map(str, steps))}." if steps else "None were written."
        place = "" if step is None else f" of step {step}"
        raise WorkbenchError(f"Run {run_id} has no {what}{place}.", known, NOT_FOUND)
    return value
