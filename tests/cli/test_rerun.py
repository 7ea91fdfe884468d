"""Running a run again with changes, paired and random values: cases 15 and 23 of reports by users."""

import json
import tomllib
from pathlib import Path

import pytest

from workbench import __version__
from workbench.errors import NOT_FOUND, USAGE
from workbench.store.code_state import DIFF_LIMIT, code_change, git_state
from workbench.store.files import write_json
from workbench.store.paths import RunPaths

VAE = "20261121-100000-vae-digits-aaaa"


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch):
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda _: None)


def queued(cli, *arguments):
    """Queue and return (the answer as JSON, the new runs' origins and specs, stderr)."""
    answer = cli(*arguments, *(["--detach"] if arguments[0] == "run" else []), "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    folders = [Path("runs") / run_id for run_id in found["queued"]]
    origins = [json.loads((folder / "origin.json").read_text()) for folder in folders]
    specs = [tomllib.loads((folder / "spec.toml").read_text()) for folder in folders]
    return found, origins, specs, answer.err


@pytest.mark.parametrize("named", [VAE, "20261121-100000", "aaaa"])
def test_a_run_is_repeated_with_one_change(cli, store, named):
    old = tomllib.loads((store / VAE / "spec.toml").read_text())
    found, (origin,), (spec,), err = queued(cli, "run", named, "--set", "model.latent=16")
    assert spec == {**old, "name": spec["name"], "model": {**old["model"], "latent": 16}}
    assert "latent=16" in spec["name"] and "latent" not in found["queued"][0], "ids stay short"
    assert (origin["rerun_of"], origin["preset"]) == (VAE, "vae-digits")
    assert found["rerun_of"] == VAE and found["code"]["same"] is None
    assert f"The code of {VAE} was not recorded" in err
    (row,) = [row for row in json.loads(cli("runs", "ls", "--json").out) if row["rerun_of"]]
    assert row["rerun_of"] == VAE
    assert f"re-run of {VAE}" in cli("runs", "show", row["id"]).out


def test_its_own_spec_is_a_preset_wherever_it_lies(cli, store):
    old = tomllib.loads((store / VAE / "spec.toml").read_text())
    found, (origin,), (spec,), _ = queued(cli, "run", store / VAE / "spec.toml")
    assert spec["model"] == old["model"] and spec["seeds"] == old["seeds"]
    assert (origin["preset"], found["rerun_of"]) == ("vae-digits", VAE)
    Path("mine.toml").write_bytes((store / VAE / "spec.toml").read_bytes())
    found, (origin,), (spec,), err = queued(cli, "run", "mine.toml", "--seeds", "7,")
    assert (spec["name"], spec["seeds"], origin["preset"]) == (old["name"], [7], old["name"])
    assert "rerun_of" not in found and err == ""
    newer = Path("mine.toml").read_text().replace("schema_number = 1", "schema_number = 99")
    Path("mine.toml").write_text(newer)
    answer = cli("run", "mine.toml")
    assert answer.code == USAGE and "schema_number: must be at most 1, got 99" in answer.err


def test_commit_and_uncommitted_changes_are_compared(cli, store):
    here = git_state(Path(__file__).parent) or {}
    recorded = {"schema": 1, "workbench": "0.1.0", "git": {"commit": "c0ffee" * 7, "diff": "+ x"}}
    write_json(store / VAE / "environment.json", recorded)
    found, _, _, err = queued(cli, "queue", "add", "aaaa")
    assert found["code"]["same"] is False and found["code"]["run"]["dirty"] is True
    assert f"The code has changed: {VAE} was trained with commit c0ffeec0ff with uncommitted changes" in err
    if here and len(here["diff"]) < DIFF_LIMIT:
        write_json(store / VAE / "environment.json", {"workbench": __version__, "git": here})
        assert code_change(RunPaths(store / VAE)).same is True
        other = {**here, "diff": "+ other"}
        write_json(store / VAE / "environment.json", {"workbench": __version__, "git": other})
        assert code_change(RunPaths(store / VAE)).same is False


def test_a_preset_of_that_name_wins_and_this_is_reported(cli, store):
    Path("presets").mkdir()
    text = '[model]\nkind = "vae"\nlatent = 3\n[data]\nname = "digits"\n[training]\niterations = 5\n'
    Path("presets/aaaa.toml").write_text(text)
    _, (origin,), (spec,), err = queued(cli, "run", "aaaa")
    assert spec["model"]["latent"] == 3 and origin["preset"] == "aaaa" and "rerun_of" not in origin
    assert "'aaaa' is a preset and matches a run: the preset is used." in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["20261121"], USAGE, "'20261121' matches 4 runs"),
        (["zzzz"], NOT_FOUND, "There is no preset or run 'zzzz'."),
        (["vae-digit"], NOT_FOUND, "Did you mean 'vae-digits'?"),
        (["aaaa", "--set", "model.latnet=2"], USAGE, "model.latnet: unknown key, did you mean 'latent'?"),
        (["aaaa", "--zip", "model.latent=2,3", "--zip", "training.batch=9"], USAGE, "has 1 values"),
        (["aaaa", "--random", "3"], USAGE, "no --set has a distribution"),
        (["aaaa", "--random", "0"], USAGE, "--random"),
        (["aaaa", "--set", "training.lr=uniform(0, 1)"], USAGE, "needs --random N"),
        (["aaaa", "--set", "training.lr=uniform(20, 30)", "--random", "2"], USAGE, "must be at most 10"),
    ],
)
def test_refusals_leave_nothing(cli, store, arguments, code, words):
    before = sorted(store.rglob("*"))
    answer = cli("run", *arguments)
    assert (answer.code, answer.out) == (code, "") and words in answer.err
    assert [path for path in sorted(store.rglob("*")) if ".workbench" not in path.parts] == [
        path for path in before if ".workbench" not in path.parts
    ]


def test_without_a_store_a_run_is_not_found_and_none_is_made(cli, tmp_path):
    answer = cli("--store", "none", "run", "aaaa")
    assert answer.code == NOT_FOUND and not (tmp_path / "none").exists()


def test_paired_and_random_values(cli, store):
    laws = ["--set", "training.lr=loguniform(1e-4, 1e-2)", "--random", 2, "--random-seed", 5]
    pairs = ["--zip", "model.latent=2,8", "--zip", "model.encoder=[32],[64, 64]"]
    _, origins, specs, _ = queued(cli, "run", "aaaa", *pairs, *laws)
    points = [(s["model"]["latent"], s["model"]["encoder"], s["training"]["lr"]) for s in specs]
    rates = [lr for _, _, lr in points[:2]]
    wanted = [(latent, net, lr) for latent, net in ((2, [32]), (8, [64, 64])) for lr in rates]
    assert points == wanted and all(1e-4 <= lr <= 1e-2 for lr in rates)
    assert len({spec["name"] for spec in specs}) == 4
    again = queued(cli, "queue", "add", "aaaa", *pairs, *laws)[2]
    assert [spec["training"]["lr"] for spec in again] == [spec["training"]["lr"] for spec in specs]
    assert "model.latent=2,8" in origins[0]["overrides"]


def test_draws_that_coincide_are_run_once_and_this_is_reported(cli, store):
    found, *_, err = queued(cli, "run", "aaaa", "--set", "model.latent=choice(4, 5)", "--random", 9)
    assert len(found["queued"]) == 2
    assert "Draws that came out the same are run once: 2 runs." in err
