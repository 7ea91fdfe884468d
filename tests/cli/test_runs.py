"""Looking at runs, removing and restoring them, notes, logs, export."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.stores import make_store
from workbench.errors import NOT_FOUND, STORE, USAGE

VAE = "20261121-100000-vae-digits-aaaa"


def test_ls_newest_first_and_by_state(cli, store):
    listed = [line.split()[0] for line in cli("runs", "ls").out.splitlines()[1:]]
    assert [name[-4:] for name in listed] == ["dddd", "cccc", "bbbb", "aaaa"]
    (failed,) = json.loads(cli("runs", "ls", "--state", "failed", "--json").out)
    assert failed["id"].endswith("cccc") and failed["seeds"] == [0, 1, 2] and failed["eta"] is None
    assert len(json.loads(cli("runs", "ls", "--study", "starter-1", "--json").out)) == 2
    answer = cli("runs", "ls", "--state", "finishd")
    assert answer.code == USAGE and "Did you mean 'finished'?" in answer.err


def test_a_store_is_chosen_by_option_or_environment(cli, store, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert VAE in cli("--store", store, "runs", "ls").out
    monkeypatch.setenv("WORKBENCH_STORE", str(store))
    assert VAE in cli("runs", "ls").out


def test_show_by_the_end_of_the_id(cli, store):
    answer = cli("runs", "show", "aaaa")
    assert answer.code == 0
    assert "reconstruction MSE" in answer.out and "0.13 ± 0.10 data units²" in answer.out
    assert "[3 seeds, n=" in answer.out
    assert "[model]" in answer.out
    shown = json.loads(cli("runs", "show", "aaaa", "--json").out)
    assert len(shown["results"]["test_mse"]["values"]) == 3 and shown["results"]["test_mse"]["n"] > 0
    assert shown["spec"]["model"]["latent"] == 8 and shown["folder"] == str(store / VAE)


def test_remove_and_restore(cli, store):
    answer = cli("runs", "rm", "aaaa", "bbbb")
    token = answer.out.strip()
    assert answer.code == 0 and f"runs restore {token}" in answer.err
    assert len(cli("runs", "ls").out.splitlines()) == 3
    assert cli("runs", "restore", token).out.split()[0] == VAE
    assert len(cli("runs", "ls").out.splitlines()) == 5


def test_removing_is_all_or_nothing(cli, store):
    assert cli("runs", "rm", "aaaa", "nope").code == NOT_FOUND
    assert cli("runs", "rm", "aaaa", "dddd").code == USAGE  # paused: still in the queue
    assert len(cli("runs", "ls").out.splitlines()) == 5


def test_notes_and_tags(cli, store):
    assert cli("runs", "note", "aaaa", "best so far", "--tag", "paper").code == 0
    assert cli("runs", "note", "aaaa").out == "best so far\n"
    (row,) = [r for r in json.loads(cli("runs", "ls", "--json").out) if r["id"] == VAE]
    assert row["tags"] == ["paper"]


def test_log(cli, store):
    (store / VAE / "worker.log").write_bytes(b"one\n\xff\nlast\n")
    answer = cli("runs", "log", "aaaa", "-n", "2")
    assert answer.code == 0 and "last" in answer.out and "one" not in answer.out


def test_export_of_a_study_by_its_name(cli, store, tmp_path):
    answer = cli("export", "starter", "--format", "csv")
    rows = list(csv.reader(io.StringIO(answer.out)))
    assert answer.code == 0 and [row[2] for row in rows[1:]] == ["stale", "stale", "not run", "not run"]
    assert cli("export", "starter-1", "--format", "csv").out.count("\n") == 3  # one submission's own runs
    assert "no budgets" in cli("export", "starter", "--budget", "quick").err
    target = tmp_path / "table.tex"
    assert cli("export", "starter", "--output", target).code == 0
    assert "toprule" in target.read_text()
    assert cli("export", "starter", "--output", target).code == USAGE  # kept
    assert cli("export", "starter", "--output", target, "--overwrite").code == 0


def test_export_of_runs_and_its_faults(cli, store, tmp_path):
    assert json.loads(cli("export", "aaaa", "bbbb", "--format", "json").out)
    assert "|" in cli("export", "all", "--metric", "test_mse").out
    assert cli("export", "aaaa", "--each", "--format", "csv").out.count("\n") == 2
    for arguments, code in [
        (["export", "nope"], NOT_FOUND),
        (["export", "aaaa", "--format", "cvs"], USAGE),
        (["export", "aaaa", "--metric", "test_msee"], None),
        (["export", "aaaa", "-o", tmp_path / "no" / "x.md"], NOT_FOUND),
        (["export", "aaaa", "-o", tmp_path / "x.doc"], USAGE),
    ]:
        answer = cli(*arguments)
        assert answer.code == code or (code is None and answer.code in (USAGE, NOT_FOUND)), arguments
        assert answer.out == "" and answer.err.count("\n") == 1


def test_scheduler_status_of_an_idle_store(cli, store):
    assert "not running" in cli("scheduler", "status").out
    assert json.loads(cli("scheduler", "status", "--json").out)["running"] is False


def test_doctor_reports_and_fails_only_for_what_is_missing(cli, store, monkeypatch):
    checks = {check["name"]: check for check in json.loads(cli("doctor", "--json").out)}
    assert checks["torch"]["state"] == "ok" and checks["store"]["found"].startswith(str(store))
    assert cli("doctor").code == 0
    monkeypatch.setenv("WORKBENCH_DOWNLOAD", "perhaps")
    answer = cli("doctor")
    assert answer.code == USAGE and "WORKBENCH_DOWNLOAD" in answer.out


def test_ls_filters_and_sorts_as_the_screens_do(cli, store):
    def ids(*arguments):
        return [row["id"][-4:] for row in json.loads(cli("runs", "ls", *arguments, "--json").out)]

    assert ids("--study", "starter") == ids("--study", "starter-1") == ["bbbb", "aaaa"]
    assert ids("--filter", "model:lae,avb") == ["cccc", "bbbb"]
    assert ids("--filter", "test_mse<1", "--sort", "id") == ["aaaa", "bbbb"]
    assert ids("--sort", "created", "--reverse") == ["dddd", "cccc", "bbbb", "aaaa"]
    assert cli("runs", "ls", "--filter", "model:nothing").err == "No matching runs.\n"
    for arguments, words in [
        (["--study", "startr"], "Did you mean 'starter'?"),
        (["--filter", "modl:lae"], "modl"),
        (["--sort", "test_mes"], "test_mse"),
    ]:
        answer = cli("runs", "ls", *arguments)
        assert answer.code in (USAGE, NOT_FOUND) and answer.out == "" and words in answer.err


def test_diff_shows_only_the_settings_that_differ(cli, store):
    table = json.loads(cli("runs", "diff", "aaaa", "dddd", "--json").out)
    keys = [row["key"]["text"] for row in table["rows"]]
    assert "model.kind" in keys and "training.iterations" in keys and "data.name" not in keys
    assert [column["key"][-4:] for column in table["columns"][1:]] == ["aaaa", "dddd"]
    assert [column["key"] for column in table["paired"]["columns"]][:3] == ["metric", "runs", "paired"]
    assert "| training.iterations" in cli("runs", "diff", "aaaa", "dddd").out
    assert "Paired differences" in cli("runs", "diff", "aaaa", "dddd", "--paired").out
    for arguments, words in [
        (["aaaa"], "at least two runs"),
        (["aaaa", VAE], "at least two runs"),
        (["aaaa", "x"], "no run 'x'"),
    ]:
        answer = cli("runs", "diff", *arguments)
        assert answer.code != 0 and words in answer.err and answer.out == ""


def test_export_is_either_per_run_or_paired(cli, store):
    answer = cli("export", "all", "--each", "--paired")
    assert answer.code == USAGE and answer.out == "" and "--each and --paired" in answer.err


def test_export_says_which_tables_there_are(cli, store, tmp_path):
    for arguments in ([], ["nonsense"]):
        answer = cli("export", *arguments)
        assert answer.code in (USAGE, NOT_FOUND) and answer.out == ""
        assert "Tables here: starter, starter-1, all" in answer.err
    assert "Did you mean 'starter'?" in cli("export", "startr").err
    assert "studies run starter" in cli("--store", make_store(tmp_path / "empty"), "export").err


def test_a_study_whose_file_misspells_a_metric_is_named_by_its_file(cli, store, tmp_path):
    folder = tmp_path / "presets" / "studies"
    folder.mkdir(parents=True)
    (folder / "starter.toml").write_text('presets = ["vae-digits"]\nmetrics = ["test_mze"]')
    answer = cli("export", "starter")
    assert answer.code == NOT_FOUND and "'test_mse'" in answer.err
    assert "starter.toml: There is no metric" in answer.err


@pytest.mark.parametrize("kind", ["file", "link", "long", "parent"])
def test_a_store_that_cannot_be_is_reported_by_every_verb_and_by_doctor(cli, tmp_path, kind):
    place = tmp_path / ("x" * 300 if kind == "long" else "place")
    if kind == "file":
        place.write_text("")
    elif kind == "link":
        place.symlink_to(tmp_path / "nowhere")
    elif kind == "parent":
        (tmp_path / "file").write_text("")
        place = tmp_path / "file" / "runs"
    before = sorted(tmp_path.iterdir())
    for arguments in (["run", "vae-digits", "--detach"], ["doctor"]):
        answer = cli("--store", place, *arguments)
        assert answer.code == STORE and "Traceback" not in answer.err
    assert cli("--store", place, "runs", "ls").code in (STORE, NOT_FOUND)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_as_json_has_the_keys_that_the_documentation_names(cli, store):
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    named = set(re.findall(r"`(\w+)`", page.partition("\nA run: ")[2].partition("\n\n")[0]))
    for verb in (["runs", "ls"], ["queue", "ls"]):
        assert set(json.loads(cli(*verb, "--json").out)[0]) == named
    shown = json.loads(cli("runs", "show", "aaaa", "--json").out)
    assert set(shown) == named | {"folder", "spec", "initial", "results", "evaluations"}
