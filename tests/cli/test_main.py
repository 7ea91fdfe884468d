"""Every kind of trouble ends in one line on stderr and its own exit code."""

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli import main as main_module
from workbench.cli import verbs
from workbench.cli.tui import ScreenOptions, screen_options
from workbench.errors import DEVICE, NOT_FOUND, STORE, TERMINAL, USAGE


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ScreenOptions()),
        ("--store x", ScreenOptions(Path("x"))),
        ("--store=x=y --ascii", ScreenOptions(Path("x=y"), ascii=True)),
        ("--no-mouse --ascii --store a --store b", ScreenOptions(Path("b"), mouse=False, ascii=True)),
        ("--mouse --no-mouse --mouse", ScreenOptions()),
        *((text, None) for text in ("runs", "--store", "--store=", "--store --ascii", "--help", "-h")),
        *((text, None) for text in ("--version", "--ascii=1", "--asci", "--store x runs ls", "x")),
    ],
)
def test_the_screens_options_need_no_parser_and_all_else_goes_to_it(typed, wanted):
    assert screen_options(typed.split()) == wanted


@pytest.mark.parametrize("arguments", [["--store", "x", "--no-mouse"], ["--store=x", "--ascii"]])
def test_the_way_past_the_parser_means_the_same(monkeypatch, tmp_path, arguments):
    calls = []
    for module in (main_module, verbs):
        monkeypatch.setattr(module, "open_screens", lambda *given, **named: calls.append((given, named)) or 0)
    assert main_module.main(arguments) == verbs.run_verb(arguments) == 0
    assert calls[0] == calls[1]


def shell(command, **environ):
    """Run a command of bash, in which `workbench` is this package."""
    command = command.replace("workbench", f"{sys.executable} -P -m workbench", 1)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environ, check=False, timeout=60
    )


@pytest.mark.parametrize("group", ["queue", "runs", "presets", "data", "studies", "scheduler"])
def test_a_group_without_an_action_prints_its_help_which_cuts_no_sentence(cli, group, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    wrong, asked = cli(group), cli(group, "--help")
    assert (wrong.code, asked.code) == (2, 0)
    assert wrong.err == asked.out and "workbench:" not in wrong.err
    _, commands = asked.out.split("Commands:\n")
    assert "..." not in commands + cli("--help").out.split("Commands:\n")[1]


def test_version(cli):
    assert cli("--version").out.startswith("workbench 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runn"], "No such command 'runn'. Did you mean 'run'"),
        (["presets", "shwo"], "show"),
        (["runs", "ls", "--store", "x"], "workbench --store … VERB"),
        (["queue", "priority", "aaaa", "x"], "queue priority:"),
        (["plot", "aaaa"], "plot: Missing argument 'METRIC'. See `workbench plot --help`."),
        (["--store"], "Option '--store' requires an argument"),
        (["runs", "ls", "--\x1b[31m"], "No such option"),
        (["presets", "shwo"], "show"),
        (["runs", "ls", "--store", "x"], "workbench --store … VERB"),
    ],
)
def test_what_the_parser_refuses_is_one_sentence_with_the_place_of_help(cli, arguments, words):
    answer = cli(*arguments)
    assert answer.code == USAGE and answer.out == "" and answer.err.count("\n") == 1
    assert answer.err.startswith("workbench: ") and words in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "vae-digits", "--set", "resources.device=cuda:7"], DEVICE, "cuda:7 is not on this machine"),
        (["run", "vae-digit"], NOT_FOUND, "Did you mean 'vae-digits'?"),
        (["run", "vae-digits", "--set", "model.latnt=3"], USAGE, "did you mean 'latent'?"),
        (["run", "vae-digits", "--grid", "model.latent=2,x"], USAGE, "must be a whole number, got 'x'"),
        (["run", "vae-digits", "--seeds", "1,1"], USAGE, "must differ"),
        (["run", "vae-digits", "--inline", "--detach"], USAGE, "exclude each other"),
        (["studies", "run", "startr"], NOT_FOUND, "Did you mean 'starter'?"),
        (["--store", "nowhere", "runs", "ls"], NOT_FOUND, "does not exist"),
    ],
)
def test_wrong_input_is_one_sentence_and_changes_nothing(cli, tmp_path, arguments, code, words):
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err and answer.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def raises(error):
    def broken(*_: object, **__: object) -> int:
        raise error

    return broken


def test_a_disk_that_is_full_or_locked_is_reported_without_a_traceback(cli, monkeypatch):
    for number, words in ((errno.ENOSPC, "Free some space"), (errno.EACCES, "permissions")):
        monkeypatch.setattr(verbs, "app", raises(OSError(number, os.strerror(number), "/full/disk")))
        answer = cli("runs", "ls")
        assert answer.code == STORE
        assert "/full/disk" in answer.err and words in answer.err and answer.err.count("\n") == 1


def test_interrupts_and_unforeseen_errors_have_codes_of_their_own(cli, monkeypatch):
    monkeypatch.setattr(verbs, "app", raises(KeyboardInterrupt()))
    assert cli("runs", "ls").code == 130
    monkeypatch.setattr(verbs, "app", raises(ZeroDivisionError("x")))
    answer = cli("runs", "ls")
    assert answer.code == 1 and "Unexpected error: ZeroDivisionError: x" in answer.err
    monkeypatch.setenv("WORKBENCH_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli("runs", "ls")


def test_a_reader_that_stops_early_is_no_error():
    done = shell("workbench presets show vae-digits --json | head -c 10")
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout) == 10
    done = shell("workbench presets ls --json | true; exit ${PIPESTATUS[0]}")
    assert done.returncode == 141 and done.stderr == ""


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-", "2>&- <&-"])
def test_closed_streams_are_refused_or_done_without_and_no_file_takes_their_number(closed, store):
    done = shell(f"workbench --store {store} runs ls {closed}")
    if ">&-" in closed.replace("2>&-", ""):
        said = "workbench: Standard output is closed. Send it to a file, or to /dev/null.\n"
        assert done.returncode == STORE and done.stdout == "" and done.stderr in ("", said)
    else:
        assert done.returncode == 0 and "vae-digits-aaaa" in done.stdout


def test_a_current_folder_that_is_gone_is_reported(tmp_path):
    gone = tmp_path / "gone"
    done = shell(f"mkdir {gone} && cd {gone} && rmdir {gone} && workbench presets ls")
    assert done.returncode == STORE and "no longer exists" in done.stderr and done.stderr.count("\n") == 1


def test_without_a_terminal_the_screens_refuse(cli):
    answer = cli()
    assert answer.code == TERMINAL
    assert "not a terminal" in answer.err and "workbench queue ls" in answer.err


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_is_refused(term):
    parent, child = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "workbench"],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**os.environ, "TERM": term},
        check=False,
        timeout=60,
    )
    said = os.read(parent, 4096).decode()
    os.close(child)
    os.close(parent)
    assert done.returncode == TERMINAL and "TERM" in said and "Traceback" not in said
