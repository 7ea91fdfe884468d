"""Panes inside an app: repainting, errors, scrolling, a run that changes."""

from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region

from tests.stores import append_row, live_run, make_run, make_store, record_evaluation
from tests.ui.apps import screen_text, until
from tests.ui.pane_app import pane_text, shown
from workbench.store.files import read_json, write_json
from workbench.store.paths import RunPaths
from workbench.ui.widgets.config_pane import ConfigPane
from workbench.ui.widgets.curve_pane import CurvePane
from workbench.ui.widgets.log_pane import LogPane
from workbench.ui.widgets.pane import Pane
from workbench.ui.widgets.pane_deck import PANES
from workbench.ui.widgets.report_pane import ReportPane

pytestmark = pytest.mark.usefixtures("strict")


def fill_log(paths: RunPaths, lines: int) -> None:
    paths.log.write_text("".join(f"line {k}\n" for k in range(lines)))


async def test_only_changed_rows_are_painted_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make_run(root, state="running", points=40)
    live = live_run(root)
    async with shown(live, "curves", "latents", size=(120, 40)) as pilot:
        painted: dict[str, list[Region]] = {"curves": [], "latents": []}
        for name, seen in painted.items():
            pane = pilot.app.query_one(f"#{name}", Pane)
            monkeypatch.setattr(pane, "refresh", lambda *regions, seen=seen, **_: seen.extend(regions))
        append_row(paths, 911, loss=[25.0] * 3)
        assert live.poll()
        for pane in pilot.app.query(Pane):
            pane.refresh_data()
        assert painted["latents"] == []  # no news for it
        assert 0 < len(painted["curves"]) < pilot.app.query_one("#curves").size.height / 2
        assert all(region.height == 1 for region in painted["curves"])
        painted["curves"].clear()
        pilot.app.query_one("#curves", Pane).refresh_data()
        assert painted["curves"] == []


async def test_a_hidden_pane_draws_nothing_and_is_up_to_date_when_shown(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_run(root, state="running", points=5)
    live = live_run(root)
    async with shown(live, "curves", "log", size=(120, 30)) as pilot:
        pane = pilot.app.query_one(CurvePane)
        pane.display = False
        await pilot.pause()
        drawings: list[Any] = []
        draw = CurvePane.draw
        monkeypatch.setattr(CurvePane, "draw", lambda *given: drawings.append(given) or draw(*given))
        append_row(paths, 5000, loss=[777.0] * 3)
        live.poll()
        pane.refresh_data()
        await pilot.pause()
        assert drawings == []
        pane.display = True
        await pilot.pause()
        assert "777" in screen_text(pilot.app)


async def test_an_error_in_a_pane_is_reported_there_and_ends_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Pane, "strict", False)
    monkeypatch.setattr(CurvePane, "draw", fails)
    make_run(root)
    async with shown(live_run(root), "curves", size=(180, 20)) as pilot:
        assert "could not be drawn (ZeroDivisionError)" in screen_text(pilot.app)


async def test_the_log_follows_its_end_until_the_user_scrolls_up(root: Path) -> None:
    paths = make_run(root, state="running")
    fill_log(paths, 100)
    live = live_run(root)
    async with shown(live, "log", size=(60, 20)) as pilot:
        pane = pilot.app.query_one(LogPane)

        async def grown(lines: int) -> None:
            fill_log(paths, lines)
            live.poll()
            pane.refresh_data()
            await pilot.pause()

        assert "line 99" in pane_text(pane)
        await grown(150)
        assert "line 149" in pane_text(pane)
        pane.scroll_to(0, 0, animate=False)
        await pilot.pause()
        await grown(200)
        assert pane_text(pane).startswith("line 0 ")
        pane.to_end()
        await pilot.pause()
        assert "line 199" in pane_text(pane)


async def test_settings_that_differ_are_marked_and_can_be_shown_alone(root: Path) -> None:
    make_run(root)
    async with shown(live_run(root), "config", size=(160, 70)) as pilot:
        pane = pilot.app.query_one(ConfigPane)
        text = pane_text(pane)
        assert "  lr = 0.001" in text and "▸ latent = 8" in text
        pane.cycle("only_changed")
        await pilot.pause()
        text = pane_text(pane)
        assert "lr = 0.001" not in text and "▸ latent = 8" in text and "[model]" in text
        assert "kind = vae" in text


async def test_a_spec_of_a_newer_layout_is_shown_as_it_is(root: Path) -> None:
    paths = make_run(root)
    paths.spec.write_text("schema_number = 99\n[quantum]\nqubits = 3\n")
    async with shown(live_run(root), "config", size=(60, 20)) as pilot:
        assert "qubits = 3" in pane_text(pilot.app.query_one(ConfigPane))


async def test_the_report_has_metrics_with_spread_health_and_evaluations_as_they_come(root: Path) -> None:
    paths = make_run(root)
    doubt = {"verdict": "unhealthy", "reasons": ["latents are not used"]}
    fine = {"verdict": "healthy", "reasons": []}
    write_json(paths.result, {**read_json(paths.result), "health": [fine, doubt, fine]})
    live = live_run(root)
    async with shown(live, "report", size=(260, 30)) as pilot:
        pane = pilot.app.query_one(ReportPane)
        text = pane_text(pane)
        assert "reconstruction MSE           0.13 ± 0.10 data units² per dimension  [3 seeds, n=360" in text
        assert "Seed 1 is unhealthy: latents are not used." in text and "chains=8" not in text
        record_evaluation(paths)
        assert live.poll()
        pane.refresh_data()
        await pilot.pause()
        text = pane_text(pane)
        assert "ais at step 9" in text and "chains=8" in text and "-91.0 ± 1.0" in text


async def test_a_run_chosen_before_the_layout_is_done_appears(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(root)
    other = make_store(tmp_path / "other")
    fill_log(make_run(other), 3)
    async with shown(live_run(root), "log", size=(60, 20)) as pilot:
        pane = pilot.app.query_one(LogPane)
        with monkeypatch.context() as patch:
            patch.setattr(LogPane, "is_on_screen", False)
            pane.show(live_run(other))
        pane.refresh()
        await until(pilot, lambda: "line 2" in screen_text(pilot.app))


async def test_changing_the_run_forgets_the_old_one(root: Path, tmp_path: Path) -> None:
    make_run(root)
    other = make_store(tmp_path / "other")
    make_run(other, state="queued")
    async with shown(live_run(root), *PANES, size=(160, 60)) as pilot:
        for live, words, times in (
            (live_run(other), "is waiting in the queue", 6),  # all but the settings
            (None, "No run selected", 7),
        ):
            for pane in pilot.app.query("Grid > *"):
                pane.show(live)  # type: ignore[attr-defined]
            await pilot.pause()
            assert screen_text(pilot.app).count(words) == times
