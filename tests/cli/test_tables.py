"""`workbench table`: options, the document it saves, and `export` of that document."""

import csv
import io
import json
import tomllib

import pytest

from tests.stores import make_run
from workbench.errors import NOT_FOUND, USAGE


def test_a_table_by_options_saved_and_exported_again(cli, store, tmp_path):
    made = ["--rows", "model", "--metric", "test_mse,knn_accuracy", "--where", "state:finished"]
    made += ["--baseline", "vae", "--name", "lae=ours", "--caption", "Digits", "--label", "tab:digits"]
    first = cli("table", *made, "--save", "digits")
    assert first.code == 0 and "Saved:" in first.err and "ours" in first.out and "Δ" in first.out
    document = tomllib.loads((tmp_path / "presets/studies/digits.toml").read_text())
    assert document["rows"] == ["model"] and document["names"] == {"lae": "ours"}
    assert cli("export", "digits").out == first.out
    latex = cli("export", "digits", "--format", "latex").out
    assert r"\caption{Digits}" in latex and r"\label{tab:digits}" in latex
    assert cli("export", "digits", "--metric", "test_mse").out.count("k-NN") == 0
    studies = json.loads(cli("studies", "ls", "--json").out)
    assert "digits" in [study["name"] for study in studies]


def test_a_saved_table_is_not_replaced_without_being_asked(cli, store):
    assert cli("table", "--rows", "model", "--save", "mine").code == 0
    again = cli("table", "--rows", "data", "--save", "mine")
    assert again.code == USAGE and "exists already" in again.err
    assert cli("table", "--rows", "data", "--save", "mine", "--overwrite").code == 0
    assert cli("table", "--save", "../mine").code == USAGE


def test_runs_of_two_learning_rates_can_be_told_apart_filtered_and_sorted(cli, store):
    for k, lr in enumerate((0.6, 0.3)):
        paths = make_run(store, f"20261121-13000{k}-vae-digits-ee{k}e", created=4000.0 + k)
        paths.spec.write_text(paths.spec.read_text().replace("lr = 0.001", f"lr = {lr}"))
        origin = json.loads(paths.origin.read_text())
        paths.origin.write_text(json.dumps(origin | {"group": f"group{k}"}))
    options = ["--where", "model:vae lr>0.1", "--rows", "lr", "--metric", "test_mse"]
    rows = list(csv.DictReader(io.StringIO(cli("table", *options, "--format", "csv").out)))
    assert [row["training.lr"] for row in rows] == ["0.3", "0.6"]
    rows = json.loads(cli("table", *options, "--sort", "-lr", "--json").out)["rows"]
    assert [row["training.lr"]["text"] for row in rows] == ["0.6", "0.3"]
    found = cli("runs", "ls", "--filter", "training.lr=0.3", "--sort", "training.lr").out
    assert "ee1e" in found and "ee0e" not in found


def test_faults_are_one_sentence(cli, store):
    for arguments, code, words in (
        (["--where", "latnt=8"], USAGE, "no field, setting or metric 'latnt'"),
        (["--where", "model:gan"], NOT_FOUND, "no runs for the table"),
        (["--rows", "latnt"], NOT_FOUND, "Did you mean 'model.latent'?"),
        (["--metric", "tset_mse"], NOT_FOUND, "Did you mean 'test_mse'?"),
        (["--name", "lae"], USAGE, "not of the form KEY=TEXT"),
        (["--spread", "sd"], USAGE, "Did you mean 'std'?"),
    ):
        answer = cli("table", *arguments)
        assert answer.code == code and words in answer.err and not answer.out


def test_a_faulty_document_names_its_line(cli, store, tmp_path):
    folder = tmp_path / "presets/studies"
    folder.mkdir(parents=True)
    (folder / "odd.toml").write_text('title = "Odd"\nrows = "model"\n')
    answer = cli("studies", "ls")
    assert "presets/studies/odd.toml:2: rows: must be a list of names" in answer.err
    (folder / "odd.toml").write_text('rows = ["model"]\nmetrics = ["tset_mse"]\n')
    answer = cli("export", "odd")
    assert answer.code == NOT_FOUND and "tset_mse" in answer.err


def test_a_study_is_planned_and_queued_once(cli, monkeypatch, tmp_path):
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda _: None)
    shown = cli("studies", "show", "families", "--budget", "standard")
    assert shown.code == 0 and "1820" in shown.out and "missing" in shown.out
    assert "Other budgets: quick, paper" in shown.err
    root = ["--store", tmp_path / "new"]
    first = cli(*root, "studies", "run", "families", "--seeds", "1", "--detach")
    assert first.code == 0 and len(first.out.split()) == 10 and "Queued 10 runs" in first.err
    second = json.loads(cli(*root, "studies", "run", "families", "--seeds", "1", "--detach", "--json").out)
    assert second["queued"] == [] and second["before"] == "10 running" and second["budget"] == "quick"
    plan = json.loads(cli(*root, "studies", "show", "families", "--json").out)
    assert {tuple(run["seeds"].values()) for run in plan["runs"]} == {("running", "missing")}
    assert cli(*root, "studies", "run", "families", "--budget", "qick").code == USAGE
    assert cli(*root, "export", "all", "--budget", "quick").code == USAGE
    assert cli(*root, "export", "families").out.count("queued") >= 10


def test_long_formats_go_to_stdout_and_to_files(cli, store, tmp_path):
    answer = cli("export", "aaaa", "--long", "--metric", "test_mse")
    lines = answer.out.splitlines()
    assert answer.code == 0 and lines[0].startswith("run,name,model,data,seed,metric,value,se,n")
    assert [line.split(",")[4:7] for line in lines[1:]] == [
        [str(seed), "test_mse", repr(0.027 + 0.1 * seed)] for seed in range(3)
    ]
    curves = cli("export", "all", "--curves", "--metric", "acceptance", "--format", "tsv").out.splitlines()
    assert len(curves) == 1 + 200 * 3 and curves[1].split("\t")[1:4] == ["0", "acceptance", "train"]
    path = tmp_path / "points.parquet"
    assert cli("export", "aaaa", "--curves", "-o", path).err == f"Written: {path}\n"
    assert path.read_bytes()[:4] == path.read_bytes()[-4:] == b"PAR1"
    assert cli("export", "starter-1", "-o", tmp_path / "table.parquet").code == 0
    assert cli("export", "aaaa", "--long", "-o", "/dev/null").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--long --each", "Cannot combine --each and --long: choose one."),
        ("--long --format md", "There is no long format 'md'. Long formats: csv, tsv, json, parquet."),
        ("--curves --metric nelb", "There is no metric 'nelb'. Did you mean 'nelbo'?"),
    ],
)
def test_long_formats_that_are_refused(cli, store, words, said):
    answer = cli("export", "aaaa", *words.split())
    assert answer.code != 0 and said in answer.err and not answer.out


def test_latex_aligns_numbers_on_request(cli, store):
    body = cli("export", "starter-1", "--format", "latex", "--siunitx").out
    assert r"\sisetup{" in body and "S[table-format=" in body
    assert "S[" not in cli("export", "starter-1", "--format", "latex").out
