"""How far a run is, in a pipe: changes at once, and the ETA now and then."""

from dataclasses import replace

from workbench.api.runs import RunRow
from workbench.cli import progress


def test_lines_show_changes_at_once_and_the_eta_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    row = RunRow("run-a", "a", "vae", "digits", "running", phase="training", total=100, steps_per_second=1.0)
    lines = progress._Lines()
    lines.show([replace(row, state="queued", phase="")])
    for second in range(65):
        now[0] = float(second)
        lines.show([replace(row, step=second)])
    lines.show([replace(row, state="finished", phase="done")])
    said = capsys.readouterr().err.replace("\x1b", "!").splitlines()
    assert said == [
        "run-a  queued",
        "run-a  training",
        "run-a  training 30/100, ETA 1m 10s",
        "run-a  training 60/100, ETA 40s",
        "run-a  finished",
    ]
