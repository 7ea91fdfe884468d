"""Queueing, steering and following runs, with a real scheduler and a real worker."""

import json
import time

import pytest

from workbench.api.queue import stop_scheduler
from workbench.api.stores import open_store
from workbench.errors import DEVICE, NOT_FOUND, USAGE

TINY = ("--set", "training.iterations=20", "--set", "evaluation.samples=64", "--seeds", "2")


@pytest.fixture(autouse=True)
def no_scheduler_left(tmp_path):
    yield
    if (tmp_path / "runs").exists():
        stop_scheduler(open_store(tmp_path / "runs", create=False))


def test_ls_shows_only_what_is_live(cli, store):
    (row,) = json.loads(cli("queue", "ls", "--json").out)
    assert row["id"].endswith("dddd") and row["state"] == "paused"
    assert "dddd" in cli("queue", "ls").out and "aaaa" not in cli("queue", "ls").out


def test_cancelling_a_paused_run(cli, store):
    assert cli("queue", "cancel", "dddd").code == 0
    deadline = time.monotonic() + 20
    while json.loads(cli("queue", "ls", "--json").out) and time.monotonic() < deadline:
        time.sleep(0.1)
    (row,) = json.loads(cli("runs", "ls", "--state", "cancelled", "--json").out)
    assert row["id"].endswith("dddd")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["cancel", "aaaa"], USAGE),  # finished long ago
        (["pause", "dddd", "nope"], NOT_FOUND),
        (["retry", "aaaa"], USAGE),
        (["priority", "dddd", "5000"], USAGE),
        (["priority", "dddd", "many"], USAGE),
        (["add", "vae-digits", "--set", "resources.device=cuda:99"], DEVICE),
        (["add", "vae-digits", "--priority", "1001"], USAGE),
    ],
)
def test_what_makes_no_sense_is_refused_and_asks_nothing(cli, store, arguments, code):
    before = cli("runs", "ls", "--json").out
    answer = cli("queue", *arguments)
    assert answer.code == code and answer.out == "" and "Traceback" not in answer.err
    assert not list(store.glob("*/control/*"))
    assert cli("runs", "ls", "--json").out == before


def test_run_follows_to_the_end_and_prints_metrics(cli, tmp_path):
    store = tmp_path / "runs"
    (queued,) = json.loads(cli("--store", store, "queue", "add", "vae-digits", *TINY, "--json").out)["queued"]
    answer = cli("--store", store, "run", "vae-digits", *TINY, "--json")
    assert answer.code == 0
    (row,) = json.loads(answer.out)
    assert row["state"] == "finished" and row["step"] == 20 and len(row["summary"]["test_mse"]) == 2
    assert (
        "loading torch" in answer.err
    )  # phases are told while it goes on; 20 updates pass between two looks
    assert queued != row["id"]
    shown = cli("--store", store, "runs", "show", queued, "--json")
    assert json.loads(shown.out)["group"] == row["group"]


def test_inline_trains_in_the_foreground_without_a_scheduler(cli, tmp_path):
    store = tmp_path / "runs"
    answer = cli("--store", store, "run", "vae-digits", *TINY, "--inline")
    assert answer.code == 0
    assert "finished" in answer.out and "reconstruction MSE" in answer.out and "[2 seeds, n=" in answer.out
    assert "loading torch" in answer.err
    assert json.loads(cli("--store", store, "scheduler", "status", "--json").out)["running"] is False


def test_a_failed_run_gives_its_own_exit_code(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DOWNLOAD", "0")  # and the data folder of the tests is empty
    answer = cli("--store", tmp_path / "runs", "run", "vae-mnist", "--inline")
    assert answer.code == 4
    assert "failed" in answer.out and "mnist" in answer.out and "Traceback" not in answer.err
