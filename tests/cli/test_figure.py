"""`workbench figure`: which kinds there are, where they go, and what is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stores import only_snapshot
from workbench import api
from workbench.errors import NOT_FOUND, USAGE
from workbench.store.paths import RunPaths


def test_without_a_kind_it_lists_what_the_run_has_and_lacks(cli, store):
    answer = cli("figure", "aaaa", "--json")
    lacks = {entry["kind"]: entry["lacks"] for entry in json.loads(answer.out)}
    assert [kind for kind, why in lacks.items() if not why] == ["curves", "latents", "samples"]
    assert lacks["tsne"] == "it is computed from a checkpoint, and the run has none"
    assert lacks["traces"] == "it needs an energy-based prior, and the family vae has none"
    assert "integrand" in cli("figure", "starter-1").out
    answer = cli("figure", "starter")  # its runs have other settings than these
    assert answer.code == NOT_FOUND and answer.err.startswith("workbench: None of the configurations has")
    assert json.loads(cli("figure", "dddd", "--json").out)[3]["lacks"] == (
        "it is computed after the end of a run, and this one is paused"
    )


@pytest.mark.parametrize("form", ["pdf", "png"])
def test_a_file_has_the_format_of_its_name_and_is_kept(cli, store, tmp_path, form):
    path = tmp_path / f"loss.{form}"
    answer = cli("figure", "aaaa", "curves", "-o", path)
    assert (answer.code, answer.err) == (0, f"Written: {path}\n")
    assert path.read_bytes()[:5] in (b"%PDF-", b"\x89PNG\r", b"<?xml")
    assert "exists already" in cli("figure", "aaaa", "curves", "-o", path).err
    assert cli("figure", "aaaa", "curves", "-o", path, "--overwrite").code == 0


def test_files_of_the_store_are_refused_and_devices_need_a_format(cli, store, tmp_path):
    inside = store / "20261121-100000-vae-digits-aaaa" / "a.pdf"
    assert "it is in the store" in cli("figure", "aaaa", "curves", "-o", inside).err
    assert "Add --format." in cli("figure", "aaaa", "curves", "-o", "/dev/null").err
    assert cli("figure", "aaaa", "curves", "-o", "/dev/null", "--format", "svg").code == 0


def test_a_study_leaves_out_what_lacks_the_kind_and_says_so(cli, store, tmp_path):
    only_snapshot(RunPaths(store / "20261121-100001-lae-digits-bbbb").latents, 1)
    answer = cli("figure", "starter-1", "latents", "-o", tmp_path / "z.svg")
    assert answer.code == 0
    assert answer.err.startswith("lae-digits is left out: it has no snapshots of latents.\n")
    answer = cli("figure", "bbbb", "latents", "-o", tmp_path / "z2.svg")
    assert answer.code == NOT_FOUND and answer.err.count("\n") == 1
    assert "it has no snapshots of latents. It has curves, samples." in answer.err


def test_in_characters(cli, store):
    assert "⢕" in cli("figure", "aaaa", "curves", "--text").out
    answer = cli("--ascii", "figure", "aaaa", "latents", "--text")
    assert answer.out.startswith("vae-digits, seed 0\n") and answer.out.isascii() and "9" in answer.out
    assert len(cli("figure", "aaaa", "samples", "--text", "--seed", "2").out.splitlines()) > 4
    answer = cli("figure", "aaaa", "decoder", "--text")
    assert answer.code == USAGE and "These can be: curves, latents, tsne, samples," in answer.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("aaaa curve -o a.pdf", NOT_FOUND, "There is no kind of figure 'curve'. Did you mean 'curves'?"),
        ("aaaa curves", USAGE, "no file given. Add --output FILE.pdf, or --text."),
        ("aaaa curves -o a.gif", USAGE, "Unknown file extension: 'a.gif'. Use one of pdf, png, svg."),
        ("aaaa curves -o a.pdf --width 0.1", USAGE, "Invalid value '0.1' for --width."),
        ("aaaa curves -o a.pdf --width nan", USAGE, "Invalid value 'nan' for --width."),
        ("aaaa curves -o a.pdf --band all", USAGE, "Invalid value 'all' for --band."),
        ("aaaa curves -o a.pdf --metric lss", NOT_FOUND, "has no curve of 'lss'. Did you mean 'loss'?"),
        ("aaaa curves -o a.pdf --split val", USAGE, "have no split 'val'. Splits: train, test."),
        ("aaaa curves -o a.pdf --label a --label b", USAGE, "Cannot use 2 labels: there are 1"),
        ("aaaa curves -o a.pdf --set images=3", USAGE, "it shows what a run has stored."),
        ("aaaa latents -o a.pdf --seed 8", NOT_FOUND, "has no seed 8. Its seeds: 0, 1, 2."),
        ("aaaa latents -o a.pdf --step 8", NOT_FOUND, "has no latents of step 8. Steps: 1820."),
        ("aaaa samples -o a.pdf --step 8", NOT_FOUND, "has no samples of step 8. Steps: 1820."),
        ("aaaa samples --text --step 8", NOT_FOUND, "has no samples of step 8."),
        ("aaaa tsne -o a.pdf --set imags=3", USAGE, "did you mean 'images'?"),
        ("nothing curves -o a.pdf", NOT_FOUND, "There is no study or run 'nothing' here."),
        ("startr curves -o a.pdf", NOT_FOUND, "Did you mean 'starter'?"),
        ("2026 curves -o a.pdf", USAGE, "'2026' matches 4 runs"),
    ],
)
def test_what_is_refused(cli, store, words, code, said):
    answer = cli("figure", *words.split())
    assert (answer.code, answer.out.count("\n") > 2) == (code, False)
    assert said in answer.err and answer.err.count("\n") == 1
    assert not list(Path.cwd().glob("a.*"))


def test_without_matplotlib_the_error_names_the_command(cli, store, monkeypatch):
    monkeypatch.setattr(api.figures, "find_spec", lambda name: None)
    answer = cli("figure", "aaaa", "curves", "-o", "a.pdf")
    assert answer.code == USAGE and "pip install 'workbench[figures]'" in answer.err
    assert cli("figure", "aaaa", "curves", "--text").code == 0
