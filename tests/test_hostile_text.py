"""Text from outside is shown, not obeyed: by every verb, on every screen and in every export.

A store, a preset and a study carry terminal escapes, bidi controls, markup and injections for spreadsheets,
Markdown and LaTeX in every string that a file or a command line can bring. Verbs come from the parser itself:
a new one is covered, or fails here until its arguments are known.
"""

import csv
import io
import json
import os
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from tests.stores import append_row, make_run, make_store, record_evaluation
from tests.ui.apps import bench_of, opened, press, screen_text, settled
from workbench import api
from workbench.cli import complete, follow, progress, verbs
from workbench.cli.main import main
from workbench.errors import WorkbenchError
from workbench.queue import client
from workbench.queue.liveness import boot_id
from workbench.store.files import write_json
from workbench.store.paths import RunPaths, StorePaths

EVIL = (  # no slash: it is a file name too
    "=cmd()[red]|\x1b[31m\x1b]52;c;aGk=\x07\x9b31m\x85\u202egpj\u2066\ufeff"
    "\n\r\t\\input{x}[@click=app.exit]${}&%#_`\u200b日本語e\u0301"
)
LONE = EVIL + "\ud800"  # half of a pair: JSON can bring it, UTF-8 cannot
SHOWN = "=cmd()[red]|"  # of it, wherever it is displayed: markup that nothing interpreted
RUNS = [f"20261121-10000{k}-evil-aaa{k}" for k in range(6)]
FINISHED, OTHER, RUNNING, FAILED, PAUSED, PLUG_IN = RUNS


def evil_run(root: Path, run_id: str, **options: Any) -> RunPaths:
    """Write a run that carries EVIL wherever its files have text; its spec stays valid."""
    paths = make_run(root, run_id, points=20, created=1000.0 + RUNS.index(run_id), **options)
    kind, seeds = options.get("kind", "vae"), [0, 1, 2]
    name, spec = f"name = {json.dumps(EVIL[:80])}", paths.spec.read_text()
    paths.spec.write_text(re.sub('^name = ".*"', lambda _: name, spec, flags=re.M))
    change(paths.origin, preset=EVIL, study=EVIL, study_id=f"{EVIL}1", overrides=[EVIL], command=[EVIL])
    change(paths.origin, brief={"name": EVIL, "kind": kind, "data": EVIL, "seeds": seeds})
    change(paths.state, reason=LONE, next=LONE, device=LONE, failure=EVIL)
    change(paths.progress, phase=EVIL)
    write_json(paths.notes, {"schema": 1, "note": LONE, "tags": [LONE]})
    for split in ("train", EVIL):
        append_row(paths, 1, split, **{EVIL: [1.0] * 3, "loss": [2.0] * 3})
    paths.log.write_bytes(LONE.encode(errors="surrogatepass") + b"\n\xff\xfe\x1b[31m last\n")
    entry = {"values": [1.0, 2.0, 3.0], "se": [0.1] * 3, "n": 5}
    if paths.result.exists():
        metrics = json.loads(paths.result.read_text())["metrics"]
        change(paths.result, device=EVIL, metrics={**metrics, EVIL: entry})
    words = {"units": {EVIL: EVIL}, "notes": [EVIL], "device": EVIL, "commit": EVIL, "arrays": EVIL}
    record_evaluation(paths, "x", metric=EVIL, settings={EVIL: EVIL}, metrics={EVIL: entry}, **words)
    return paths


def change(path: Path, **fields: Any) -> None:
    write_json(path, {**json.loads(path.read_text()), **fields})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an evil store, preset and study; tests work on copies."""
    folder = tmp_path_factory.mktemp("evil")
    root = make_store(folder / "runs")
    evil_run(root, FINISHED)
    evil_run(root, OTHER, kind="lae")
    evil_run(root, RUNNING, kind="avb", state="running")
    evil_run(root, FAILED, kind="lebm", state="failed")
    evil_run(root, PAUSED, state="paused")
    diverged = evil_run(root, PLUG_IN)  # a family that is not installed, settings of any form, diverged
    diverged.spec.write_text(
        f"name = {json.dumps(EVIL)}\nseeds = [0]\n[model]\nkind = {json.dumps(EVIL)}\n[data]\n"
    )
    change(diverged.origin, brief={"name": EVIL, "kind": EVIL, "data": EVIL, "seeds": [0]})
    end = {"outcome": "diverged", "diverged": {"0": 1}, "diverged_tensor": EVIL}
    change(diverged.result, **end, seeds=[0], metrics={})
    alive = {"pid": 7, "boot_id": boot_id(), "host": EVIL, "started": time.time(), "message": EVIL}
    write_json(StorePaths(root).scheduler, alive)
    shutil.copytree(root / FINISHED, StorePaths(root).trash / "1" / "removed")
    store = api.stores.open_store(root)
    shutil.copytree(root / FINISHED, root / f"{FINISHED}9")
    api.packs.pack(store, [f"{FINISHED}9"], folder / "packed.tar")
    shutil.rmtree(root / f"{FINISHED}9")
    kind = EVIL.replace("\n", "").replace("\r", "")
    rows = [f'{k},{k + 1},"{kind}{k % 2}"' for k in range(8)]
    (folder / "own.csv").write_text("\n".join(["x,y,label", *rows]))
    presets, studies = folder / "presets", folder / "presets" / "studies"
    studies.mkdir(parents=True)
    text = json.dumps(EVIL)
    about = f"title = {text}\ndescription = {text}\nseeds = 2\n"
    training = '[model]\nkind = "vae"\n[training]\niterations = 20\n'
    (presets / f"{EVIL}.toml").write_text(about + training)
    (presets / f"{EVIL}2.toml").write_text(f"{text} = 1")
    (studies / f"{EVIL}.toml").write_text(f"{about}presets = [{text}]\nmetrics = [{text}]")
    (studies / f"{EVIL}2.toml").write_text(f"presets = [{text}]\ngrid = [{text}]")
    return folder


@pytest.fixture
def evil(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template as the current folder; a scheduler seems to live, and nothing is trained."""
    for name in ("CONFIG", "DATA_DIR"):
        monkeypatch.setenv(f"WORKBENCH_{name}", str(tmp_path / name))
    monkeypatch.delenv("WORKBENCH_STORE", raising=False)
    lives = [True]  # so that none is started
    monkeypatch.setattr(client, "lock_held", lambda _: bool(lives))
    monkeypatch.setattr(client, "signal_process", lambda *_: lives.clear())
    monkeypatch.setattr(api.queue, "run_inline", lambda store, run_id, tick: tick())
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=time.monotonic, sleep=interrupted))
    return fresh(template, tmp_path, monkeypatch)


def interrupted(_: float) -> None:
    raise KeyboardInterrupt


def fresh(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new copy of the template, now the current folder."""
    copy = tmp_path / f"[red]\x1b[31m{len(os.listdir(tmp_path))}"  # noqa: PTH208
    shutil.copytree(template, copy)
    monkeypatch.chdir(copy)
    return copy


def unsafe(text: str) -> set[str]:
    """Return the characters of `text` that can steer a terminal or reorder what it shows."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


# verbs

COMMAND = typer.main.get_command(verbs.app)
GOOD: dict[str, list[str]] = {  # a value for each argument, by its name in the help
    "RUN": [FINISHED],
    "RUN...": [FINISHED, OTHER],
    "PRESET": [EVIL],
    "STUDY": [EVIL],
    "METRIC": [EVIL],
    "TOKEN": ["1"],
    "DATA": ["own.csv"],
    "N": ["3"],
    "FILE": ["packed.tar"],
    "[TEXT]": [EVIL],
    "[RUN...]": [FINISHED],
    "[TABLE|RUN...]": [EVIL],
}
MORE = {  # what else a verb is asked
    "queue pause": [[RUNNING]],
    "queue resume": [[PAUSED]],
    "queue cancel": [[RUNNING]],
    "queue retry": [[FAILED]],
    "queue priority": [[RUNNING, "3"]],
    "export": [
        [FINISHED, OTHER],
        ["all"],
        ["all", "--metric", EVIL],
        *(["all", "--format", f] for f in ("csv", "latex")),
    ],
    "evaluate": [[], [FINISHED, "--metric", "ais"]],
    "runs show": [[run] for run in RUNS],
    "runs log": [[RUNNING]],
    "presets show": [["vae-digits", "--set", f"data.{EVIL}=1"], [f"{EVIL}2"]],
    "data show": [["own.csv", "--set", "data.labels=label"]],
    "data check": [["own.csv", "--set", "data.labels=label"], [f"{EVIL}.npy"]],
    "runs prune": [["--yes"], ["--dry-run"]],
    "plot": [[FINISHED, "loss", "--with", OTHER]],
    "pack": [[FINISHED, "--output", f"{EVIL}.tar"]],
}
SILENT = {
    "data ls",
    "unpack",
    "runs restore",
    "scheduler start",
    "scheduler stop",
}  # nothing from outside is in what they say


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield (verb, command) of every verb that the parser knows."""
    if hasattr(command, "commands"):
        for name, sub in command.commands.items():
            yield from leaves(sub, (*path, name))
    else:
        yield " ".join(path), command


def calls(verb: str, command: Any) -> Iterator[list[str]]:
    """Yield argument lists: good ones, then each option by itself, then EVIL for each argument."""
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    good = [GOOD[param.metavar] for param in arguments]
    plain = [value for values in good for value in values]
    yield plain
    for option in (option for option in options if option.name != "help"):
        for value in [[]] if option.is_flag else [[EVIL], ["20"]]:
            yield [*plain, option.opts[0], *value]
    for place, values in enumerate(good):
        before = [value for values in good[:place] for value in values]
        after = [value for values in good[place + 1 :] for value in values]
        yield [*before, *[EVIL] * len(values), *after]
    yield from MORE.get(verb, [])


@pytest.mark.parametrize(("verb", "command"), leaves(COMMAND), ids=[verb for verb, _ in leaves(COMMAND)])
def test_verbs(
    template: Path,
    tmp_path: Path,
    evil: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    command: Any,
) -> None:
    everything, codes = "", set()
    for arguments in calls(verb, command):
        fresh(template, tmp_path, monkeypatch)
        codes.add(main([*verb.split(), *arguments]))
        out, err = capsys.readouterr()
        assert unsafe(out) == unsafe(err) == set(), arguments
        assert "Traceback" not in err and "Unexpected error" not in err and 1 not in codes, (arguments, err)
        if "--json" in arguments and out:
            json.loads(out)
        everything += out + err
    # these follow until they are interrupted, or find no checkpoint
    assert 0 in codes or verb in ("run", "studies run", "export-model"), codes
    assert SHOWN in everything or "[red]" in everything or verb in SILENT


def test_progress_bars_and_completion(evil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    rows = api.runs.list_runs(api.stores.open_store(evil / "runs"))
    with progress.progress_display() as display:
        display.show(rows)
        display.show([row for row in rows if row.id == RUNNING])
    drawn = terminal.getvalue()
    assert SHOWN in drawn and not {"\x9b", "\x85", "\u202e", "\u2066", "\x07"} & set(drawn)
    assert "\x1b]52" not in drawn
    context: Any = SimpleNamespace(find_root=lambda: SimpleNamespace(params={"store": str(evil / "runs")}))
    for words in (complete.presets, complete.studies, complete.tables, complete.queued_studies):
        assert not unsafe("".join(words(context, "")))
    assert FINISHED in complete.runs(context, "2026")


# exports


def tables(store: Any) -> list[Any]:
    """Return a table of each sort."""
    rows = api.runs.list_runs(store)
    return [
        api.tables.comparison(store, rows, title=EVIL),
        api.tables.comparison(store, rows, ["test_mse", EVIL]),
        api.tables.study_table(store, f"{EVIL}1", [EVIL]),  # one submission; a study finds no such settings
        api.tables.runs_table(store, rows),
        api.tables.differing(store, RUNS),
    ]


@pytest.mark.parametrize("which", range(5))
def test_exports(evil: Path, which: int) -> None:
    table = tables(api.stores.open_store(evil / "runs"))[which]
    text = {form: api.tables.export_text(table, form) for form in ("csv", "md", "latex", "json")}
    assert not any(map(unsafe, text.values()))
    fields = [field for row in csv.reader(io.StringIO(text["csv"])) for field in row]
    formulas = [f for f in fields if f.startswith(("=", "+", "-", "@"))]
    assert all(re.fullmatch(r"-[\d.e+-]+", f) for f in formulas)
    assert "'=cmd()" in text["csv"] and "[red]" in text["csv"]
    lines = [line for line in text["md"].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"\[red\]" in text["md"] and not re.search(r"(?<!\\)\[red", text["md"])
    latex = text["latex"].replace(r"\allowbreak{}", "")
    assert r"\textbackslash{}input\{x\}" in latex and "\\input" not in latex
    plain = re.sub(" & ", " ", text["latex"][30:])
    assert "{[}red{]}" in plain and not re.search(r"(?<!\\)[#%&_](?!.*usepackage)", plain)
    assert json.loads(text["json"])["rows"]


def test_a_plot(evil: Path) -> None:
    store = api.stores.open_store(evil / "runs")
    live = api.live.LiveRun(store, FINISHED)
    live.poll()
    metric = next(name for name, _ in live.names() if name.startswith("="))
    picture = api.plots.plot_text(store, FINISHED, metric, width=120)
    assert SHOWN in picture and not unsafe(picture)


# screens


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_screens(evil: Path, size: tuple[int, int]) -> None:
    async with opened(api.stores.open_store(evil / "runs"), size=size) as pilot:

        async def seen(*keys: str) -> str:
            for key in keys:
                await press(pilot, key)
                assert not unsafe(screen_text(pilot.app)), key
            return screen_text(pilot.app)

        assert SHOWN in await seen()
        for run in RUNS:
            bench_of(pilot).queue.following = False
            bench_of(pilot).queue.choose(run)
            await settled(pilot)
            hidden = size == (80, 24) and run in (FINISHED, PLUG_IN)
            assert SHOWN in await seen(*("123456" if hidden else ""))
        assert "[red]" in await seen("t")  # Table
        await seen("escape", "x", "u", "p", "question_mark")  # messages, Help
        assert SHOWN in await seen("escape", "n")  # Launch, with the evil preset first
        await seen("enter", "slash", "equals_sign", "enter", "enter", "escape", "escape", "escape")
        assert SHOWN in await seen("b", "space", "down", "space", "down", "a", "escape")  # Results
        assert SHOWN in await seen("c")  # Compare
        assert "[red]" in await seen("escape", "t")
        assert pilot.app.is_running  # nothing clicked app.exit


def test_errors_with_text_from_outside_are_one_line(
    evil: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = ExceptionGroup(EVIL, [ValueError()])
    for error in (WorkbenchError(EVIL, EVIL), OSError(5, EVIL, EVIL), ValueError(EVIL), group):

        def fails(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(verbs, "app", fails)
        assert main(["runs", "ls"]) != 0
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and not unsafe(err) and SHOWN in err
