"""The examples in the docstrings of the api, run against a store with one finished run."""

import doctest
import pkgutil
import shutil
from pathlib import Path

import pytest

import workbench.api
from workbench import api
from workbench.store.store import open_store

STORE = Path(__file__).parents[1] / "golden" / "store-1" / "runs"
MODULES = [f"workbench.api.{module.name}" for module in pkgutil.iter_modules(workbench.api.__path__)]
EXAMPLES = [
    example
    for name in ("workbench.api", *MODULES)
    for example in doctest.DocTestFinder().find(pkgutil.resolve_name(name), name)
    if example.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.removeprefix("workbench."))
def test_example(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(STORE, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "DATA_DIR"):
        monkeypatch.setenv(f"WORKBENCH_{name}", str(tmp_path / name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("WORKBENCH_STORE", raising=False)
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda _: None)  # nothing is trained
    example.globs |= {"api": api, "store": open_store(tmp_path / "runs", create=False)}
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert not report, "".join(report)


def test_what_a_notebook_calls_has_an_example() -> None:
    shown = "\n".join(line.source for example in EXAMPLES for line in example.examples)
    calls = {
        "stores": ("open_store",),
        "runs": ("list_runs", "find_run", "spec_of"),
        "queue": ("submit", "request", "forecast"),
        "presets": ("list_presets", "resolve", "expand"),
        "studies": ("list_studies", "submit_study"),
        "evaluations": ("evaluate", "list_evaluations", "results_of"),
        "tables": ("comparison", "study_table", "export_text"),
        "plots": ("plot_text",),
        "live": ("LiveRun",),
        "devices": ("doctor",),
    }
    assert [f"{m}.{f}" for m, names in calls.items() for f in names if f"api.{m}.{f}(" not in shown] == []
