"""Queueing, steering and following runs, with a real scheduler and a real worker."""

import json
import sys
import threading
import time

import pytest

from workbench.api import queue
from workbench.api.stores import open_store
from workbench.errors import DATA, DEVICE, NOT_FOUND, RUN_FAILED, USAGE
from workbench.store.paths import RunPaths
from workbench.store.state import RunState, write_state

TINY = ("--set", "training.iterations=20", "--set", "evaluation.samples=64", "--seeds", "2")


@pytest.fixture(autouse=True)
def no_scheduler_left(tmp_path):
    yield
    if (tmp_path / "runs").exists():
        queue.stop_scheduler(open_store(tmp_path / "runs", create=False))


def eventually(what):
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ls_shows_only_what_is_live(cli, store):
    (row,) = json.loads(cli("queue", "ls", "--json").out)
    assert row["id"].endswith("dddd") and row["state"] == "paused"
    assert "dddd" in cli("queue", "ls").out and "aaaa" not in cli("queue", "ls").out


def test_cancelling_a_paused_run(cli, store):
    assert cli("queue", "cancel", "dddd").code == 0
    eventually(lambda: not json.loads(cli("queue", "ls", "--json").out))
    (row,) = json.loads(cli("runs", "ls", "--state", "cancelled", "--json").out)
    assert row["id"].endswith("dddd")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["cancel", "aaaa"], USAGE),  # finished long ago
        (["pause", "nope", "aaaa"], NOT_FOUND),
        (["pause"], USAGE),  # neither runs nor --all
        (["pause", "dddd", "--all"], USAGE),
        (["move", "aaaa"], USAGE),  # finished
        (["move", "dddd", "--before", "aaaa"], USAGE),
        (["move", "dddd", "--before", "dddd"], USAGE),
        (["move", "dddd", "--before", "dddd", "--last"], USAGE),
        (["add", "vae-digits", "--after", "nope"], NOT_FOUND),
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


def test_a_verb_on_many_runs_does_what_it_can_and_reports_the_rest(cli, store):
    answer = cli("queue", "cancel", "aaaa", "dddd", "nope")
    assert answer.code == USAGE  # that of the first which could not
    assert "it is finished" in answer.err and "There is no run 'nope'" in answer.err
    eventually(lambda: not json.loads(cli("queue", "ls", "--json").out))


def test_resume_all_means_all_paused_runs(cli, store):
    assert "dddd: resume requested" in cli("queue", "resume", "--all").err
    eventually(lambda: json.loads(cli("runs", "ls", "--state", "paused", "--json").out) == [])
    assert cli("queue", "cancel", "dddd").code == 0 or "it is f" in cli("queue", "ls").err


def test_run_follows_to_the_end_and_prints_metrics(cli, tmp_path):
    store = tmp_path / "runs"
    (queued,) = json.loads(cli("--store", store, "queue", "add", "vae-digits", *TINY, "--json").out)["queued"]
    answer = cli("--store", store, "run", "vae-digits", *TINY, "--json")
    assert answer.code == 0
    (row,) = json.loads(answer.out)
    assert row["eta"] is None  # worked out as in every list of runs
    assert row["state"] == "finished" and row["step"] == 20 and len(row["summary"]["test_mse"]) == 2
    assert "loading torch" in answer.err  # 20 updates pass between two looks
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


def test_a_failed_run_gives_its_own_exit_code(cli, tmp_path):
    diverging = ["training.optimiser=sgd", "training.lr=10", "model.likelihood=gaussian", "model.sigma=1e-6"]
    sets = [part for text in diverging for part in ("--set", text)]
    answer = cli("--store", tmp_path / "runs", "run", "vae-digits", "--inline", *TINY, *sets)
    assert answer.code == RUN_FAILED
    assert "failed" in answer.out and "diverged" in answer.out and "Traceback" not in answer.err


def test_damaged_data_are_refused_before_anything_is_queued(cli, tmp_path):
    raw = tmp_path / "sets" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{kind}-ubyte").write_bytes(b"damaged")
    answer = cli("--store", tmp_path / "runs", "run", "vae-mnist", "--inline")
    assert answer.code == DATA and "checksum" in answer.err and not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "verb", [["run", "vae-mnist"], ["run", "vae-mnist", "--inline"], ["studies", "run", "m"]]
)
@pytest.mark.parametrize("why", ["download", "rights"])
def test_a_data_set_that_is_not_there_is_refused_before_anything_is_made(
    cli, tmp_path, monkeypatch, verb, why
):
    (tmp_path / "presets" / "studies").mkdir(parents=True)
    (tmp_path / "presets" / "studies" / "m.toml").write_text('presets = ["vae-digits", "vae-mnist"]')
    if why == "download":
        monkeypatch.setenv("WORKBENCH_DOWNLOAD", "0")  # and the data folder of the tests is empty
    else:
        (tmp_path / "sets").write_text("a file in the folder's place")
    answer = cli("--store", tmp_path / "runs", *verb)
    assert answer.code == DATA and answer.out == "" and answer.err.count("\n") == 1
    assert "Cannot load mnist: it is not in" in answer.err and "WORKBENCH_DATA_DIR" in answer.err
    assert not (tmp_path / "runs").exists()


def test_ls_warns_that_no_scheduler_runs_until_one_is_started(cli, tmp_path, store):
    spec = store / "20261121-120000-lebm-digits-dddd" / "spec.toml"
    spec.write_text(spec.read_text().replace("threads = 1", "threads = 'no'"))  # nothing is trained here
    spec.with_name("state.json").unlink()
    answer = cli("queue", "ls")
    assert answer.code == 0 and "scheduler start" in answer.err and "dddd" in answer.out
    assert cli("scheduler", "start").code == 0
    eventually(lambda: json.loads(cli("scheduler", "status", "--json").out)["pid"])
    assert "scheduler start" not in cli("queue", "ls").err


def test_ls_shows_what_keeps_a_scheduler_from_starting_runs(cli, store, monkeypatch):
    (store / "20261121-120000-lebm-digits-dddd" / "state.json").unlink()
    status = queue.SchedulerStatus(True, 7, "here", 1.0, "Nothing new is started: 0 MiB left.")
    monkeypatch.setattr(queue, "scheduler_status", lambda store: status)
    assert "0 MiB left" in cli("queue", "ls").err


def test_wait_reports_runs_that_are_over_and_a_paused_one_ends_it(cli, store):
    answer = cli("queue", "wait", "aaaa", "bbbb")
    assert answer.code == 0 and "aaaa  finished" in answer.out
    answer = cli("queue", "wait", "aaaa", "cccc", "--json")
    assert answer.code == RUN_FAILED and [row["state"] for row in json.loads(answer.out)] == [
        "finished",
        "failed",
    ]
    assert cli("queue", "wait").code == RUN_FAILED  # the paused one
    assert cli("queue", "wait", "--study", "starter").code == 0
    assert cli("queue", "wait", "zzzz").code == NOT_FOUND


def test_wait_lasts_until_the_run_is_over_and_the_log_is_followed_to_its_end(cli, store):
    run = next(path for path in store.iterdir() if path.name.endswith("dddd"))
    paths = RunPaths(run)
    write_state(paths, RunState("running"))

    def end() -> None:
        time.sleep(0.5)
        with paths.log.open("a") as log:
            log.write("10 %\r20 %\rdone\n")
        write_state(paths, RunState("cancelled"))

    thread = threading.Thread(target=end)
    thread.start()
    followed = cli("runs", "log", "dddd", "-f", "-n", "1")
    waited = cli("queue", "wait", "dddd")
    thread.join()
    assert followed.code == 0 and followed.out.splitlines() == ["training", "done"]
    assert waited.code == RUN_FAILED and "dddd  cancelled" in waited.out


def test_doctor_tries_the_notify_command(cli, tmp_path, monkeypatch):
    heard = tmp_path / "heard.json"
    monkeypatch.setenv(
        "WORKBENCH_NOTIFY",
        f"{sys.executable} -c \"import sys; open('{heard}', 'w').write(sys.stdin.read())\"",
    )
    assert cli("doctor", "--notify").code == 0
    assert json.loads(heard.read_text())["event"] == "test"
    monkeypatch.setenv("WORKBENCH_NOTIFY", "/no/such/command")
    answer = cli("doctor", "--notify", "--json")
    (check,) = json.loads(answer.out)
    assert answer.code == RUN_FAILED and check["state"] == "missing" and "No such file" in check["found"]


def test_a_queue_is_reordered_and_chained_by_hand(cli, tmp_path):
    store = ("--store", tmp_path / "runs")
    first = cli(*store, "queue", "add", "vae-digits", "--set", "training.iterations=100000").out.strip()
    second = cli(*store, "queue", "add", "vae-digits", *TINY, "--after", first).out.strip()
    third = cli(*store, "queue", "add", "vae-digits", *TINY, "--after", first[-4:]).out.strip()
    assert cli(*store, "queue", "move", third, "--before", second).code == 0
    eventually(lambda: f"Waiting for {first} to finish." in cli(*store, "queue", "ls").out)
    rows = {row["id"]: row for row in json.loads(cli(*store, "queue", "ls", "--json").out)}
    assert rows[third]["place"] < rows[second]["created"]
    assert cli(*store, "queue", "cancel", first).code == 0
    answer = cli(*store, "queue", "wait", second, third)
    assert answer.code == RUN_FAILED
    assert answer.out.count(f"It was to follow {first}, which was cancelled.") == 2
