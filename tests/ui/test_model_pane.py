"""The pane of what is the model's own: an LAE's chain, and the metrics other families name."""

from pathlib import Path

import pytest

from tests.stores import append_row, live_run, make_run
from tests.ui.pane_app import at_every_size, drawn, run_with, showing, strips
from workbench.store.paths import RunPaths
from workbench.ui.canvas.palette import Look
from workbench.ui.widgets.metric_plots import places
from workbench.ui.widgets.model_pane import ModelPane

pytestmark = pytest.mark.usefixtures("strict")


@pytest.mark.parametrize("state", ["running", "finished"])
def test_a_model_with_nothing_but_a_loss_says_so(root: Path, state: str) -> None:
    make_run(root, kind="vae", state=state)
    shown = "have no points yet" if state == "running" else "wrote only its loss"
    assert shown in drawn(showing(ModelPane, live_run(root)))


@pytest.mark.parametrize(
    ("kind", "metrics", "shown"),
    [
        (
            "avb",
            ("loss", "adversary_loss", "kl_adversary"),
            ["adversary loss, nats", "dotted 1.386 = 2 ln 2", "KL (adversarial)"],
        ),
        (
            "lebm",
            ("loss", "f_prior", "f_posterior", "z_square"),
            ["f on posterior 6 ± 1", "f on prior 6 ± 1", "‖z‖²"],
        ),
        ("vae", ("loss", "nelbo", "reconstruction", "kl"), ["KL, nats per example", "reconstruction, nats"]),
        ("classifier", ("loss", "accuracy"), ["accuracy, share", "train 6 ± 1"]),
        ("ddpm", ("loss", "noise_mse"), ["noise error, per dimension", "dotted 1 = knowing nothing"]),
        ("vae", ("loss", "own_number"), ["own_number", "train 6 ± 1"]),
    ],
)
def test_other_families_show_the_metrics_they_name_with_their_references(
    root: Path, kind: str, metrics: tuple[str, ...], shown: list[str]
) -> None:
    live = run_with(root, [[5.0, 6.0, 7.0]] * 30, metrics, kind=kind)
    pane = showing(ModelPane, live)
    text = drawn(pane, 110, 30)
    assert all(words in text for words in shown) and "loss, nats per" not in text
    at_every_size(pane)


def test_metrics_without_room_for_a_plot_share_a_line(root: Path) -> None:
    live = run_with(
        root, [[5.0, 6.0, 7.0]] * 30, ("adversary_loss", "kl_adversary", "reconstruction"), kind="avb"
    )
    text = drawn(showing(ModelPane, live), 56, 12)
    assert text.splitlines()[-1].strip() == "reconstruction 6 ± 1" and "KL (adversarial)" in text
    assert places(3, 56, 12) == (2, 1) and places(4, 120, 40) == (2, 2) and places(2, 20, 3) == (1, 1)
    assert places(2, 55, 30) == (1, 2)


def test_the_chain_shows_acceptance_target_step_size_and_log_ratio(root: Path) -> None:
    live = run_with(root, [[0.5, 0.6, 0.7]] * 30, ("acceptance", "step_size", "log_ratio"), kind="lae")
    pane = showing(ModelPane, live)
    text = drawn(pane, 120)
    assert all(words in text for words in ("acceptance, share", "train 0.6 ± 0.1  dotted 0.574 = target"))
    assert "step size η" in text and "log ratio, nats" in text
    before = drawn(pane)
    pane.cycle("each_seed")
    assert drawn(pane) != before


def test_each_seed_has_its_colour_and_each_split_its_dashes(root: Path) -> None:
    live = run_with(root, [[0.2, 0.5, 0.8]] * 30, ("acceptance",), kind="lae")
    for step in range(30):
        append_row(RunPaths(live.paths.root), step, "test", acceptance=[0.3, 0.6, 0.9])
    live.poll()
    pane = showing(ModelPane, live)
    pane.cycle("each_seed")
    text = drawn(pane, 120)
    assert "━━ train" in text and "┄┄ test" in text and "seeds ●0 ●1 ●2" in text
    legend = next(strip for strip in strips(pane, 120, 24) if "seeds" in strip.text)
    assert len({part.style.color for part in legend if "●" in part.text}) == 3
    assert "seeds ━━0 ┄┄1 ╶╶2" in drawn(pane, 120, look=Look("braille", "none"))
