"""`runs prune` asks, says how much, and changes nothing that is needed; `runs ls --disk` shows sizes."""

import hashlib
import json

import pytest
import typer

from workbench.cli import prune
from workbench.errors import NOT_FOUND, USAGE

VAE = "20261121-100000-vae-digits-aaaa"


@pytest.fixture
def old(store):
    """Checkpoints and snapshots that the finished VAE no longer needs."""
    folder = store / VAE
    (folder / "checkpoints").mkdir()
    for step in (1, 2):
        body = bytes(4000)
        (folder / "checkpoints" / f"{step}.pt").write_bytes(body)
        note = {"schema": 1, "step": step, "sha256": hashlib.sha256(body).hexdigest()}
        (folder / "checkpoints" / f"{step}.json").write_text(json.dumps(note))
        (folder / "samples" / f"{step}.npz").write_bytes(bytes(500))
    return folder


def test_dry_run_shows_and_yes_deletes(cli, old):
    planned = json.loads(cli("runs", "prune", "--dry-run", "--json").out)
    assert planned["dry_run"] and [run["id"] for run in planned["runs"]] == [VAE]
    assert planned["runs"][0]["files"] == 4 and (old / "checkpoints/1.pt").exists()
    size = json.loads(cli("runs", "ls", "--disk", "--json").out)[-1]["disk"]
    answer = cli("runs", "prune", "--yes")
    assert answer.code == 0 and VAE in answer.out and answer.err.startswith("Freed ")
    assert not (old / "checkpoints/1.pt").exists() and (old / "checkpoints/2.pt").exists()
    rows = json.loads(cli("runs", "ls", "--disk", "--json").out)
    assert rows[-1]["id"] == VAE and rows[-1]["disk"] == size - planned["bytes"]
    assert "KiB" in cli("runs", "ls", "--disk").out and "DISK" not in cli("runs", "ls").out
    assert cli("runs", "prune").err == "Freed 0 B.\n"


def test_it_asks_on_a_terminal_only(cli, old, monkeypatch):
    answer = cli("runs", "prune")
    assert (answer.code, answer.out) == (USAGE, "") and "Give --yes, or --dry-run." in answer.err
    monkeypatch.setattr(prune.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    asked = []
    monkeypatch.setattr(typer, "confirm", lambda text, err: asked.append(text) or len(asked) > 1)
    assert cli("runs", "prune").err == "Nothing was deleted.\n" and (old / "checkpoints/1.pt").exists()
    assert cli("runs", "prune").code == 0 and not (old / "checkpoints/1.pt").exists()
    assert "This cannot be undone." in asked[0]


def test_runs_are_chosen_by_name_state_study_and_filter(cli, old):
    def ids(*arguments):
        return [
            run["id"]
            for run in json.loads(cli("runs", "prune", "--dry-run", "--json", *arguments).out)["runs"]
        ]

    assert ids("aaaa") == ids("--state", "finished") == ids("--study", "starter") == [VAE]
    assert ids("--filter", "model:vae") == ids("--keep-last", "5") == [VAE]
    assert ids("bbbb") == ids("--state", "failed") == ids("--filter", "model:lae") == []
    assert ids("--no-checkpoints", "--no-snapshots") == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nope"], NOT_FOUND),
        (["--state", "done"], USAGE),
        (["--keep-last", "-1"], USAGE),
        (["--filter", "x<"], USAGE),
    ],
)
def test_refusals(cli, old, arguments, code):
    answer = cli("runs", "prune", "--yes", *arguments)
    assert (answer.code, answer.out) == (code, "") and (old / "checkpoints/1.pt").exists()
