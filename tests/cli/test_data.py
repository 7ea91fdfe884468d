"""`workbench data`: what it prints about data sets and own files, and what doctor says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.own_data import write_digits, write_idx
from workbench.errors import DATA, NOT_FOUND


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Ten 4×4 images, half of each class."""
    x = np.arange(160, dtype=np.int64).reshape(10, 4, 4)
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(10) % 2, unused=x)
    return tmp_path / "own.npz"


@pytest.fixture
def damaged_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sets" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for split in ("train", "t10k"):
        write_idx(folder / f"{split}-images-idx3-ubyte", np.zeros((2, 28, 28)))
        write_idx(folder / f"{split}-labels-idx1-ubyte", np.zeros(2))
    return folder / "train-images-idx3-ubyte"


def test_known_sets_are_listed_with_what_is_here(cli: Cli, damaged_mnist: Path) -> None:
    answer = cli("data", "ls", "--json")
    states = {item["name"]: item for item in json.loads(answer.out)}
    assert states["moons"]["found"] == "needs no files"
    assert states["svhn"]["found"] == "not here; downloaded at first use"
    assert states["mnist"]["state"] == "warning" and f"{damaged_mnist} is damaged" in states["mnist"]["found"]
    assert "downloading needs the package gdown" in states["celeba"]["found"]
    assert "WARN  mnist" in cli("data", "ls").out
    found = {check["name"]: check for check in json.loads(cli("doctor", "--json").out)}
    assert {found[f"data {name}"]["found"] for name in states} == {item["found"] for item in states.values()}


def test_a_damaged_set_is_reported_before_anything_is_queued(
    cli: Cli, tmp_path: Path, damaged_mnist: Path
) -> None:
    answer = cli("run", "vae-mnist")
    assert answer.code == DATA and f"{damaged_mnist} is damaged: its checksum" in answer.err
    assert not list(tmp_path.rglob("spec.toml"))


def test_facts_about_own_data_are_shown_with_a_preview(cli: Cli, own: Path) -> None:
    answer = cli("--ascii", "data", "show", own, "--set", "data.test_share=0.3")
    lines = dict(line.split(maxsplit=1) for line in answer.out.splitlines()[:11])
    assert lines | {"hash": ""} == {
        "data": "own",
        "path": str(own),
        "hash": "",
        "kind": "grey",
        "shape": "4x4",
        "range": "0 to 159, mapped to 0 to 1",
        "train": "7 examples",
        "test": "3 examples (30% held out)",
        "classes": lines["classes"],
        "memory": "160 B",
        "note": "Keys that are not used: unused.",
    }
    assert lines["classes"].startswith("2 (0: ")
    assert answer.out.isascii() and "####" in answer.out


def test_facts_as_json_hold_the_preview(cli: Cli, own: Path) -> None:
    found = json.loads(cli("data", "show", own, "--json").out)
    assert (found["train"], found["test"], found["classes"]) == (8, 2, ["0", "1"])
    assert np.array(found["preview"]["images"]).shape == (2, 4, 4)
    assert json.loads(cli("data", "show", own, "--json", "--no-preview").out)["preview"] == {}


def test_images_are_drawn_in_half_blocks(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        Image.new("RGB", (3, 4), (10, 200, 30)).save(tmp_path / f"{number}.png")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    answer = cli("data", "show", tmp_path)
    assert "\x1b[38;2;10;200;30;48;2;10;200;30m▀" in answer.out


def test_points_are_drawn_as_a_scatter_plot(cli: Cli, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)) + np.repeat([[0, 0], [9, 9]], 25, 0)
    np.savez(tmp_path / "p.npz", x=x, y=np.repeat([0, 1], 25), x_test=x, y_test=np.repeat([0, 1], 25))
    drawn = cli("data", "show", tmp_path / "p.npz").out.splitlines()[10:]
    ones = [line.rfind("1") for line in drawn[:-1] if "1" in line.partition("┤")[2] or "│" in line]
    assert any("0" in line.partition("│")[2] for line in drawn) and max(ones) > 40


def test_check_prints_what_a_run_would_get(cli: Cli, tmp_path: Path) -> None:
    settings = write_digits("png", tmp_path / "d", 150)
    (tmp_path / "d" / "train" / "0" / "bad.png").touch()
    answer = cli("data", "check", tmp_path / "d", "--set", "data.range=[0, 16]")
    assert answer.code == 0 and answer.out.startswith(f"ok: {tmp_path / 'd'}, hash ")
    assert answer.err.startswith(f"1 file of {tmp_path / 'd'} left out: train/0/bad.png: ")
    found = json.loads(cli("data", "check", tmp_path / "d", "--set", "data.range=[0, 16]", "--json").out)
    assert found["path"] == settings["path"] and found["range"] == [0, 16] and "bad.png" in found["note"]


def test_what_is_neither_a_set_nor_a_file_is_not_found(cli: Cli) -> None:
    answer = cli("data", "show", "mnits")
    assert answer.code == NOT_FOUND
    assert "There is no data set, file or folder 'mnits'. Did you mean 'mnist'?" in answer.err
    assert "only settings of data apply" in cli("data", "show", "moons", "--set", "model.latent=2").err


def test_a_known_set_is_described_by_its_own_loader(cli: Cli) -> None:
    found = json.loads(cli("data", "show", "moons", "--set", "data.train_size=30", "--json").out)
    assert (found["kind"], found["shape"], found["train"], found["classes"]) == (
        "points",
        [2],
        30,
        ["0", "1"],
    )
    assert len(found["preview"]["points"]) == 1000
