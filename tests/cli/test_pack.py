"""`pack`, `unpack` and `export-model` on the command line."""

import io
import json
import sys
from pathlib import Path

import pytest

from workbench.errors import NOT_FOUND, STORE, USAGE

VAE = "20261121-100000-vae-digits-aaaa"
LAE = "20261121-100001-lae-digits-bbbb"


def test_runs_move_as_one_file(cli, store):
    answer = cli("pack", "aaaa", "bbbb", "--output", "x.tar.gz", "--json")
    assert json.loads(answer.out)["runs"] == [VAE, LAE] and "Packed 2 runs" in answer.err
    answer = cli("--store", "other", "unpack", "x.tar.gz")
    assert (answer.code, answer.out.split()) == (0, [VAE, LAE])
    found = json.loads(cli("--store", "other", "runs", "ls", "--json").out)
    wanted = [row for row in json.loads(cli("runs", "ls", "--json").out) if row["id"] in (VAE, LAE)]
    assert found == wanted
    assert cli("pack", "aaaa").out.strip() == f"{VAE}.tar" and Path(f"{VAE}.tar").is_file()


def test_through_a_pipe(cli, store, monkeypatch):
    class Stream(io.StringIO):
        buffer = io.BytesIO()

    real = sys.stdout
    monkeypatch.setattr(sys, "stdout", Stream())
    code = cli("pack", "aaaa", "--output", "-").code
    monkeypatch.setattr(sys, "stdout", real)
    assert code == 0
    monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": io.BytesIO(Stream.buffer.getvalue())}))
    assert cli("--store", "other", "unpack", "-").out.strip() == VAE


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pack", "dddd"], USAGE, "Cannot pack runs: 20261121-120000-lebm-digits-dddd is paused."),
        (["pack", "aaaa", "nope"], NOT_FOUND, "There is no run 'nope'"),
        (["pack", "aaaa", "-o", "x.zip"], USAGE, "x.zip: unknown ending"),
        (["pack", "aaaa", "-o", "there.tar"], USAGE, "there.tar: the file exists already."),
        (["pack", "aaaa", "-o", "none/x.tar"], NOT_FOUND, "There is no folder none."),
        (["pack", "aaaa", "-o", "runs/x.tar"], USAGE, "runs/x.tar: it is in the store"),
        (["pack", "aaaa", "-o", "-", "--json"], USAGE, "Cannot write an archive"),
        (["unpack", "there.tar"], STORE, "Cannot unpack there.tar"),
        (["unpack", "none.tar"], STORE, "Cannot read none.tar: No such file or directory."),
        (["unpack", "."], STORE, "Cannot read .: Not a plain file."),
        (["export-model", "aaaa"], USAGE, "it has no checkpoint"),
        (["export-model", "dddd"], USAGE, "it has no checkpoint"),
        (["export-model", "nope"], NOT_FOUND, "There is no run 'nope'"),
    ],
)
def test_refusals_leave_nothing(cli, store, arguments, code, words):
    Path("there.tar").write_text("no archive")
    before = sorted(Path.cwd().rglob("*"))
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (code, "") and words in answer.err
    assert [
        path
        for path in sorted(Path.cwd().rglob("*"))
        if path not in before and ".workbench" not in path.parts
    ] == []


def test_a_model_is_not_exported_over_a_folder(cli, store):
    (store / VAE / "checkpoints").mkdir()
    (store / VAE / "checkpoints" / "9.json").write_text("{}")
    Path("model").mkdir()
    answer = cli("export-model", "aaaa", "--output", "model")
    assert answer.code == USAGE and "it exists already. Choose a new folder." in answer.err
    answer = cli("export-model", "aaaa", "--output", "none/model")
    assert answer.code == NOT_FOUND and "There is no folder" in answer.err
