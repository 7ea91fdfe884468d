"""Panes inside an app: sizes, repainting, colours, hostile text, a run that changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region
from textual.widgets import Label

from tests.stores import make_run, make_store
from tests.ui.pane_app import RUN, PaneApp, live_run, pane_text, screen_text
from workbench.store.paths import RunPaths
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.widgets.config_pane import ConfigPane
from workbench.ui.widgets.curve_pane import CurvePane
from workbench.ui.widgets.log_pane import LogPane
from workbench.ui.widgets.pane import Pane
from workbench.ui.widgets.pane_deck import PANES

SIZES = [(0, 0), (1, 1), (3, 2), (10, 3), (30, 10), (80, 24), (240, 60)]


pytestmark = pytest.mark.usefixtures("strict")


def fill_log(paths: RunPaths, lines: int) -> None:
    paths.log.write_text("".join(f"line {k}\n" for k in range(lines)))


async def test_panes_live_through_every_size(root: Path) -> None:
    make_run(root, RUN, kind="lae", points=40)
    app = PaneApp(live_run(root), tuple(PANES))
    async with app.run_test(size=(120, 40)) as pilot:
        for size in ((80, 24), (30, 10), (10, 3), (1, 1), (240, 60), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert len(screen_text(app)) == size[1]
            if size[0] > 3:  # a border alone takes two columns
                assert {len(row) for row in screen_text(app)} == {size[0]}
        assert "acceptance" in "\n".join(screen_text(app))


async def test_only_changed_rows_are_painted_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make_run(root, RUN, state="running", points=40)
    live = live_run(root)
    app = PaneApp(live, ("curves", "latents"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        painted: dict[str, list[Region]] = {"curves": [], "latents": []}
        for name, seen in painted.items():
            pane = app.query_one(f"#{name}", Pane)
            monkeypatch.setattr(pane, "refresh", lambda *regions, seen=seen, **_: seen.extend(regions))
        row = {"step": 911, "epoch": 65, "seconds": 5, "split": "train", "values": {"loss": [25.0] * 3}}
        with paths.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
        assert live.poll()
        for pane in app.query(Pane):
            pane.refresh_data()
        assert painted["latents"] == []  # no news for it
        assert 0 < len(painted["curves"]) < app.query_one("#curves").size.height / 2
        assert all(region.height == 1 for region in painted["curves"])
        painted["curves"].clear()
        app.query_one("#curves", Pane).refresh_data()
        assert painted["curves"] == []


async def test_a_hidden_pane_draws_nothing_and_is_up_to_date_when_shown(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_run(root, RUN, state="running", points=5)
    live = live_run(root)
    app = PaneApp(live, ("curves", "log"))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        pane = app.query_one(CurvePane)
        pane.display = False
        await pilot.pause()
        drawings: list[int] = []
        draw = CurvePane.draw

        def counted(pane: CurvePane, frame: Frame, palette: Palette) -> None:
            drawings.append(1)
            draw(pane, frame, palette)

        monkeypatch.setattr(CurvePane, "draw", counted)
        row = {"step": 5000, "epoch": 65, "seconds": 5, "split": "train", "values": {"loss": [777.0] * 3}}
        with paths.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
        live.poll()
        pane.refresh_data()
        await pilot.pause()
        assert drawings == []
        pane.display = True
        await pilot.pause()
        assert "777" in "\n".join(screen_text(app))


async def test_panes_work_without_colours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    make_run(root, RUN, kind="lae", points=40)
    app = PaneApp(live_run(root), tuple(PANES))
    del app.look  # found out from the app
    async with app.run_test(size=(120, 45)) as pilot:
        await pilot.pause()
        assert app.query_one(CurvePane).palette().look.colours == "none"
        assert "acceptance" in "\n".join(screen_text(app))


async def test_an_error_in_a_pane_is_reported_there_and_ends_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Pane, "strict", False)
    monkeypatch.setattr(CurvePane, "draw", fails)
    make_run(root, RUN)
    app = PaneApp(live_run(root), ("curves",))
    async with app.run_test(size=(180, 20)) as pilot:
        await pilot.pause()
        assert "could not be drawn (ZeroDivisionError)" in "\n".join(screen_text(app))


async def test_the_log_follows_its_end_until_the_user_scrolls_up(root: Path) -> None:
    paths = make_run(root, RUN, state="running")
    fill_log(paths, 100)
    live = live_run(root)
    app = PaneApp(live, ("log",))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        pane = app.query_one(LogPane)
        assert "line 99" in pane_text(pane)
        fill_log(paths, 150)
        live.poll()
        pane.refresh_data()
        await pilot.pause()
        assert "line 149" in pane_text(pane)
        pane.scroll_to(0, 0, animate=False)
        await pilot.pause()
        fill_log(paths, 200)
        live.poll()
        pane.refresh_data()
        await pilot.pause()
        assert pane_text(pane).startswith("line 0 ")
        pane.to_end()
        await pilot.pause()
        assert "line 199" in pane_text(pane)


async def test_hostile_text_reaches_no_terminal(root: Path) -> None:
    paths = make_run(root, RUN, state="running", points=3)
    paths.log.write_bytes(b"\x1b[31mred\x1b[0m \x9b2J [bold]not markup[/bold] \xe2\x80\xae\x07\n")
    spec = paths.spec.read_text().replace('name = "vae-digits"', 'name = "\\u001b[2J[red]vae"', 1)
    paths.spec.write_text(spec)
    app = PaneApp(live_run(root), ("log", "config"))
    async with app.run_test(size=(140, 20)) as pilot:
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "[bold]not markup[/bold]" in text and "[red]vae" in text
        assert text.replace("\n", "").replace("\xa0", "").isprintable()


async def test_settings_that_differ_are_marked_and_can_be_shown_alone(root: Path) -> None:
    make_run(root, RUN)
    app = PaneApp(live_run(root), ("config",))
    async with app.run_test(size=(160, 70)) as pilot:
        await pilot.pause()
        pane = app.query_one(ConfigPane)
        text = pane_text(pane)
        assert "  lr = 0.001" in text and "▸ latent = 8" in text
        pane.cycle("only_changed")
        await pilot.pause()
        text = pane_text(pane)
        assert "lr = 0.001" not in text and "▸ latent = 8" in text and "[model]" in text
        assert "kind = vae" in text


async def test_a_spec_of_a_newer_layout_is_shown_as_it_is(root: Path) -> None:
    paths = make_run(root, RUN)
    paths.spec.write_text("schema_number = 99\n[quantum]\nqubits = 3\n")
    app = PaneApp(live_run(root), ("config",))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert "qubits = 3" in pane_text(app.query_one(ConfigPane))


async def test_changing_the_run_forgets_the_old_one(root: Path, tmp_path: Path) -> None:
    make_run(root, RUN)
    other = make_store(tmp_path / "other")
    make_run(other, RUN, state="queued")
    app = PaneApp(live_run(root), tuple(PANES))
    async with app.run_test(size=(160, 60)) as pilot:
        await pilot.pause()
        for pane in app.query("Grid > *"):
            assert not isinstance(pane, Label)
            pane.show(live_run(other))  # type: ignore[attr-defined]
        await pilot.pause()
        assert "\n".join(screen_text(app)).count("is waiting in the queue") == 5  # all but the settings
        for pane in app.query("Grid > *"):
            pane.show(None)  # type: ignore[attr-defined]
        await pilot.pause()
        assert "\n".join(screen_text(app)).count("No run selected") == 6
