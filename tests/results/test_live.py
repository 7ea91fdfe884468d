"""LiveRun: follows a run folder as it changes, whatever is written there."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.stores import RUN, append_row, live_run, make_run
from workbench.api.live import LiveRun
from workbench.errors import WorkbenchError


def test_a_finished_run_shows_all_it_has(root: Path) -> None:
    make_run(root, kind="lae", points=50)
    live = live_run(root)
    train = [(name, "train") for name in ("loss", "acceptance", "step_size")]
    assert live.names() == [*train, ("loss", "test")]
    loss = live.series("loss")
    assert (len(loss), loss.seeds, len(live.series("loss", "test"))) == (50, 3, 5)
    assert loss.steps[-1] == live.progress.step == 1180
    assert live.progress.over and live.progress.state == "finished"
    samples, latents = live.samples(), live.latents()
    assert samples is not None and samples.images is not None and samples.images.shape == (3, 16, 8, 8)
    assert latents is not None and latents.z.shape == (3, 500, 2)
    assert live.log_lines(1) == ["training"]
    assert live.label == "lae-digits" and live.seeds == (0, 1, 2)
    assert {field.key for field in live.settings() if field.changed} >= {"training.iterations"}


def test_poll_says_whether_something_changed_and_what(root: Path) -> None:
    paths = make_run(root, state="running", points=10)
    live = live_run(root)
    assert not live.poll()
    before = dict(live.versions)
    append_row(paths, 5000, loss=[1.0, 2.0, 3.0])
    assert live.poll()
    assert live.series("loss").last().tolist() == [1, 2, 3]
    changed = {name for name, version in live.versions.items() if version != before[name]}
    assert changed == {"metrics"}
    np.savez(paths.latents / "9999.npz", z=np.zeros((3, 4, 2), np.float32), labels=np.zeros(4, np.int64))
    paths.log.write_text("one\ntwo\n")
    assert live.poll()
    assert live.latent_steps()[-1] == 9999 and live.log_lines() == ["one", "two"]
    assert not live.poll()


def test_a_run_that_has_not_begun_is_empty_but_there(root: Path) -> None:
    make_run(root, state="queued")
    live = live_run(root)
    assert (live.progress.state, live.names(), live.samples(), live.latents()) == ("queued", [], None, None)
    assert len(live.series("loss")) == 0 and live.series("loss").seeds == 3
    assert live.log_lines() == []


def test_a_resumed_run_takes_its_points_back(root: Path) -> None:
    paths = make_run(root, state="running", points=20)
    live = live_run(root)
    lines = paths.metrics.read_text().splitlines(keepends=True)
    old = live.series("loss")
    paths.metrics.write_text("".join(lines[:5]))
    append_row(paths, 10_000, loss=[0.0, 0.0, 0.0])
    assert live.poll()
    assert len(live.series("loss")) == 6
    assert len(old) == 20  # what a pane still holds stays whole


def test_a_snapshot_that_was_replaced_is_read_again(root: Path) -> None:
    paths = make_run(root)
    live = live_run(root)
    step = live.latent_steps()[0]
    first = live.latents()
    assert live.latents(step) is first
    np.savez(paths.latents / f"{step}.npz", z=np.ones((3, 4, 2), np.float32), labels=np.arange(4))
    second = live.latents(step)
    assert second is not None and second.z.shape == (3, 4, 2)


def test_values_of_any_kind_become_finite_or_nan(root: Path) -> None:
    paths = make_run(root, state="running", points=0)
    with paths.metrics.open("a") as file:
        odd = "[NaN, Infinity, -Infinity]", '[null, "x", 1e999]', f"[1, {10**400}, true]", "2.5", "[1, 2]"
        for values in odd:
            file.write(f'{{"step": 1, "seconds": 0.1, "split": "train", "values": {{"loss": {values}}}}}\n')
    live = live_run(root)
    loss = live.series("loss")
    assert np.isnan(loss.values[:2]).all()
    np.testing.assert_array_equal(loss.values[2], [1, np.nan, np.nan])
    assert len(loss) == 3 and live.bad_lines == 2  # the wrong numbers of seeds
    assert np.isnan(loss.epochs).all()


def test_lines_of_the_log_are_as_last_written_and_not_endless(root: Path) -> None:
    paths = make_run(root, state="running", points=0)
    paths.log.write_bytes(b"10%\r50%\r100%\r\n\tx\xff\n" + b"x" * 9000)
    assert live_run(root).log_lines() == ["100%", "    x\N{REPLACEMENT CHARACTER}", "x" * 1999 + "…"]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "3", '{"step": "x", "total": null, "phase": 7}', '{"step": 1e999}']
)
def test_documents_of_any_form_are_survived(root: Path, body: str) -> None:
    paths = make_run(root, state="running", points=5)
    for path in (paths.state, paths.progress, paths.result, paths.spec):
        path.write_text(body)
    live = live_run(root)
    assert live.progress.step >= 0
    assert live.label and live.settings() == []
    assert len(live.series("loss")) == 5


def test_a_folder_that_goes_away_is_survived(root: Path) -> None:
    make_run(root)
    live = live_run(root)
    shutil.rmtree(root / RUN)
    assert live.poll()
    assert live.names() == [] and live.samples() is None and live.log_lines() == []


@pytest.mark.parametrize("run_id", ["nosuchrun", "../../etc", "a\x1b[2J", ""])
def test_a_missing_run_is_reported(root: Path, run_id: str) -> None:
    with pytest.raises(WorkbenchError, match=r"no run|not a run id"):
        LiveRun(SimpleNamespace(root=root), run_id)
