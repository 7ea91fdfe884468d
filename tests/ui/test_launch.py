"""Launch: presets, a form made from the spec, messages beneath invalid fields, and what is queued."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.ui.apps import message_of, opened, press, settled
from workbench.api.presets import form_fields, resolve
from workbench.api.queue import Forecast
from workbench.api.stores import Store
from workbench.spec.models import model_kinds, settings_class
from workbench.ui.screens.launch import LaunchScreen


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was submitted, instead of submitting it."""
    calls: list[Any] = []

    def submit(store: Any, specs: Any, **options: Any) -> list[str]:
        calls.append((list(specs), options))
        return [f"run-{k}" for k, _ in enumerate(specs)]

    monkeypatch.setattr("workbench.api.queue.submit", submit)
    return calls


@asynccontextmanager
async def launch(store: Store, *keys: str) -> AsyncIterator[Pilot[Any]]:
    """Open Launch on the preset `lae-digits`, then press keys."""
    async with opened(store, "n", size=(100, 32)) as pilot:
        await press(pilot, "slash", *"lae-digits", "enter", *keys)
        yield pilot


def page(pilot: Pilot[Any]) -> LaunchScreen:
    assert isinstance(pilot.app.screen, LaunchScreen)
    return pilot.app.screen


def changes(pilot: Pilot[Any]) -> dict[str, str]:
    assert page(pilot).draft is not None
    return page(pilot).draft.changes


async def enter(pilot: Pilot[Any], box: str, text: str) -> None:
    """Replace the text of a field of the page."""
    getattr(page(pilot), box).value = text
    await settled(pilot)


async def to_setting(pilot: Pilot[Any], key: str) -> None:
    settings = page(pilot).settings
    settings.move_to([field.key for field in settings.fields].index(key))
    await settled(pilot)


def words(pilot: Pilot[Any], name: str) -> str:
    return str(page(pilot).query_one(f"#{name}", Static).content)


async def test_the_filter_keeps_presets_that_hold_every_word(empty: Store) -> None:
    async with launch(empty) as pilot:
        assert [preset.name for preset in page(pilot).presets.found] == ["lae-digits"]
        await enter(pilot, "filter", "mnist vae")
        found = [preset.name for preset in page(pilot).presets.found]
        assert "vae-mnist" in found and "lae-digits" not in found


async def test_the_preset_is_described_and_its_time_estimated(empty: Store) -> None:
    async with launch(empty) as pilot:
        assert words(pilot, "about").startswith("LAE on 8×8 digits\nLangevin autoencoder")
        assert words(pilot, "count") == "1 run of 3 seeds. Expected time: unknown on this machine yet."


async def test_the_time_is_learnt_from_runs_on_this_machine(
    empty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Forecast(31.0, 2, "the same settings")
    monkeypatch.setattr("workbench.api.queue.forecast", lambda store, spec: known)
    async with launch(empty) as pilot:
        assert "about 31s, learnt from 2 runs of the same settings here" in words(pilot, "count")


async def test_the_form_has_every_setting_of_the_spec(empty: Store) -> None:
    async with launch(empty) as pilot:
        shown = [field.key for field in page(pilot).settings.fields]
        assert shown == [field.key for field in form_fields(resolve("lae-digits"))]


async def test_a_typed_value_is_taken_as_it_becomes_valid(empty: Store) -> None:
    async with launch(empty, "enter", "j", "enter", *"16") as pilot:
        assert changes(pilot) == {"model.latent": "16"}
        assert page(pilot).settings.mark(1) == "*"


@pytest.mark.parametrize(
    ("key", "typed", "sentence"),
    [
        ("model.latent", "2a", "Must be a whole number, got '2a'."),
        ("data.name", "mnits", "did you mean 'mnist'?"),
        ("model.kind", "lea", "Unknown family 'lea', did you mean 'lae'?"),
    ],
)
async def test_an_invalid_value_is_reported_beneath_the_field_and_not_queued(
    empty: Store, queued: list[Any], key: str, typed: str, sentence: str
) -> None:
    async with launch(empty, "enter") as pilot:
        await to_setting(pilot, key)
        page(pilot).value.focus()
        await enter(pilot, "value", typed)
        assert sentence in words(pilot, "fault")
        await press(pilot, "ctrl+s")
        assert queued == [] and "fix it" in message_of(pilot)
        await press(pilot, "escape", "ctrl+s")  # esc leaves the setting as it was
        assert len(queued) == 1


async def test_space_steps_through_choices_and_backspace_goes_back_to_the_preset(empty: Store) -> None:
    async with launch(empty, "enter") as pilot:
        await to_setting(pilot, "model.metropolis")
        await press(pilot, "space")
        assert changes(pilot) == {"model.metropolis": "false"}
        await press(pilot, "backspace")
        assert changes(pilot) == {}


async def test_space_goes_round_all_families_and_the_list_follows(empty: Store) -> None:
    kinds = model_kinds()
    async with launch(empty, "enter") as pilot:
        await to_setting(pilot, "model.kind")
        for step in range(1, len(kinds) + 1):
            await press(pilot, "space")
            kind = kinds[(kinds.index("lae") + step) % len(kinds)]
            shown = [field for field in page(pilot).settings.fields if field.section == "model"]
            assert [field.name for field in shown] == list(settings_class(kind).model_fields)
            assert shown[0].text == page(pilot).value.value == kind
        assert changes(pilot) == {}


async def test_another_family_drops_what_it_does_not_know_and_its_own_brings_its_values_back(
    empty: Store, queued: list[Any]
) -> None:
    async with launch(empty, "enter") as pilot:
        before = page(pilot).settings.fields
        for key, text in (("model.latent", "16"), ("model.metropolis", "false"), ("training.lr", "0.01")):
            await to_setting(pilot, key)
            await enter(pilot, "value", text)
        await to_setting(pilot, "model.kind")
        await enter(pilot, "value", "vae")
        assert message_of(pilot) == "vae does not take metropolis from before: left out."
        kept = {"model.latent": "16", "training.lr": "0.01", "model.kind": "vae"}
        assert changes(pilot) == kept
        settings = page(pilot).settings
        marked = [field.key for k, field in enumerate(settings.fields) if settings.mark(k) == "*"]
        assert marked == ["model.kind", "model.latent", "training.lr"]
        await press(pilot, "ctrl+s")
        (spec,), options = queued[0]
        assert (spec.model.kind, spec.model.latent, spec.model.encoder) == ("vae", 16, [128])
        assert sorted(options["overrides"]) == sorted(f"{key}={text}" for key, text in kept.items())
    async with launch(empty, "enter", "space", "backspace") as pilot:
        assert page(pilot).settings.fields == before and changes(pilot) == {}


async def test_an_unknown_family_is_reported(empty: Store) -> None:
    async with launch(empty, "enter") as pilot:
        await enter(pilot, "value", "lea")
        assert words(pilot, "fault") == "Unknown family 'lea', did you mean 'lae'?"
        assert changes(pilot) == {}


async def test_grid_and_seeds_say_how_many_runs_they_make_and_queue_them(
    empty: Store, queued: list[Any]
) -> None:
    async with launch(empty) as pilot:
        page(pilot).over.value = "model.latent=2,8 training.lr=1e-3,1e-4"
        await enter(pilot, "seeds", "0,7,9,11")
        assert words(pilot, "count").startswith("4 runs of 4 seeds each: 16 models.")
        await press(pilot, "ctrl+s")
        specs, options = queued[0]
        assert [spec.model.latent for spec in specs] == [2, 2, 8, 8] and specs[0].seeds == [0, 7, 9, 11]
        assert options == {"preset": "lae-digits", "overrides": []}
        assert pilot.app.screen.NAME == "bench" and "Queued 4 runs of lae-digits" in message_of(pilot)  # type: ignore[attr-defined]


async def test_pairs_and_draws_are_queued_from_the_grid_field(empty: Store, queued: list[Any]) -> None:
    async with launch(empty) as pilot:
        line = (
            "--zip model.latent=2,8 --zip training.batch=10,20 --random 3 training.lr=loguniform(1e-4, 1e-2)"
        )
        await enter(pilot, "over", line)
        assert words(pilot, "count").startswith("6 runs of ")
        await press(pilot, "ctrl+s")
        specs, _ = queued[0]
        made = [(spec.model.latent, spec.training.batch) for spec in specs]
        assert made == [(2, 10)] * 3 + [(8, 20)] * 3 and len({spec.training.lr for spec in specs}) == 3


@pytest.mark.parametrize(
    ("box", "typed", "sentence"),
    [
        ("over", "--random 3", "no --set has a distribution"),
        ("over", "--zip model.latent=2,8 --zip training.batch=1", "has 1 values, and model.latent has 2"),
        ("over", "model.latnt=2,8", "did you mean 'latent'?"),
        ("seeds", "one", "Invalid seeds: 'one'"),
    ],
)
async def test_an_invalid_grid_or_seeds_is_reported_and_not_queued(
    empty: Store, queued: list[Any], box: str, typed: str, sentence: str
) -> None:
    async with launch(empty) as pilot:
        await enter(pilot, box, typed)
        assert sentence in words(pilot, "count")
        await press(pilot, "ctrl+s")
        assert queued == [] and sentence in message_of(pilot)


async def test_very_many_runs_are_asked_for_twice(empty: Store, queued: list[Any]) -> None:
    async with launch(empty) as pilot:
        await enter(pilot, "over", "model.latent=" + ",".join(str(k) for k in range(1, 103)))
        await press(pilot, "ctrl+s")
        assert queued == [] and "102 runs" in message_of(pilot)
        await press(pilot, "ctrl+s")
        assert len(queued[0][0]) == 102


async def test_refused_data_can_be_queued_once_they_are_repaired(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("workbench.api.queue.ensure_scheduler", lambda store: None)
    file = tmp_path / "own.npy"
    np.save(file, np.array([[1.0, np.nan], [3.0, 4.0]]))
    async with launch(empty, "enter") as pilot:
        await to_setting(pilot, "data.path")
        page(pilot).value.focus()
        await enter(pilot, "value", str(file))
        await press(pilot, "ctrl+s")
        await settled(pilot)
        assert "own.npy[0, 1] is nan, and must be finite" in message_of(pilot)
        assert list(empty.root.glob("*/spec.toml")) == []
        np.save(file, np.array([[1.0, 2.0], [3.0, 4.0]]))
        await press(pilot, "ctrl+s")
        await settled(pilot)
        (spec,) = empty.root.glob("*/spec.toml")
        assert 'name = "own"' in spec.read_text()


async def test_tab_goes_round_the_fields_and_esc_steps_out(empty: Store) -> None:
    async with launch(empty) as pilot:
        seen = []
        for _ in range(5):
            await pilot.press("tab")
            seen.append(pilot.app.focused.id if pilot.app.focused else "")
        assert seen == ["settings", "value", "grid", "seeds", "presets"]
        await pilot.press("shift+tab")
        assert isinstance(pilot.app.focused, Input) and pilot.app.focused.id == "seeds"
        await press(pilot, "escape", "escape", "escape")
        assert pilot.app.screen.NAME == "bench"  # type: ignore[attr-defined]


async def test_a_broken_preset_is_listed_and_says_what_is_wrong(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config" / "presets"
    folder.mkdir(parents=True)
    (folder / "aaa.toml").write_text("title = [1\n")
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    async with opened(empty, "n", size=(100, 32)) as pilot:
        assert page(pilot).presets.cells(0)[0].text == "aaa (broken)"
        assert "aaa.toml" in words(pilot, "about")
        await pilot.press("ctrl+s")
        assert "No preset selected" in message_of(pilot)


async def test_esc_brings_back_the_value_before_a_half_typed_one(empty: Store) -> None:
    async with launch(empty, "enter", "j", "enter", *"16", "enter", "k", "enter", *"32a", "escape") as pilot:
        assert page(pilot).settings.field.key == "model.latent"  # type: ignore[union-attr]
        assert changes(pilot) == {"model.latent": "16"} and page(pilot).value.value == "16"


async def test_edits_stay_with_their_preset_until_it_is_queued(empty: Store, queued: list[Any]) -> None:
    async with launch(empty, "enter", "j", "enter", *"16", "enter") as pilot:
        await enter(pilot, "seeds", "5")
        await enter(pilot, "filter", "")
        page(pilot).presets.move(1)
        await settled(pilot)
        assert changes(pilot) == {} and page(pilot).seeds.value == ""
        await press(pilot, *["escape"] * 3, "n", "slash", *"lae-digits", "enter")
        assert changes(pilot) == {"model.latent": "16"} and page(pilot).seeds.value == "5"
        assert page(pilot).presets.cells(0)[0].text == "lae-digits *"
        await press(pilot, "ctrl+s", "n", "slash", *"lae-digits", "enter")
        assert len(queued) == 1 and changes(pilot) == {}


async def test_a_preset_whose_name_holds_the_words_is_found_first(empty: Store) -> None:
    async with opened(empty, "n", "slash", *"vae-digits", size=(100, 32)) as pilot:
        names = [preset.name for preset in page(pilot).presets.found]
        assert names[0] == page(pilot).draft.preset.name == "vae-digits"  # type: ignore[union-attr]
        await enter(pilot, "filter", "vae-paper")
        first = page(pilot).presets.found
        holding = [preset for preset in first if "vae-paper" in preset.name]
        assert list(first[: len(holding)]) == holding
