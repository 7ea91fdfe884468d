"""Launch: choose a preset, change its settings, say which grid and seeds, and queue the runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench.errors import WorkbenchError
from workbench.ui.actions import bindings
from workbench.ui.formatting import line, plural
from workbench.ui.launch_form import Draft, Plan
from workbench.ui.screens.page import Page
from workbench.ui.widgets.form import PresetList, SettingsList, described, next_choices
from workbench.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from workbench.api.presets import Preset

STOPS = ("presets", "settings", "value", "grid", "seeds")  # where tab goes
MANY = 100  # runs above which a second ctrl+s is wanted


class LaunchScreen(Page):
    """Presets on the left; the chosen one's description, settings, grid and seeds on the right."""

    NAME = "launch"
    PLACE = "Launch"
    BINDINGS = bindings("launch")

    def __init__(self) -> None:
        super().__init__()
        self.draft: Draft | None = None
        self.planned: Plan | None = None  # None: being worked out
        self.sure = False

    def body(self) -> Iterable[Widget]:
        yield Horizontal(
            Vertical(
                Horizontal(Label("/"), Input(placeholder="filter", id="filter"), classes="ask"),
                PresetList(id="presets"),
                id="presets-side",
            ),
            Vertical(
                Static("", id="about", markup=False),
                SettingsList(id="settings"),
                Horizontal(
                    Label("", id="key", markup=False), Input(id="value", select_on_focus=True), classes="ask"
                ),
                Static("", id="describe", markup=False),
                Static("", id="fault", markup=False),
                Horizontal(
                    Label("grid "), Input(placeholder="model.latent=2,8,16", id="grid"), classes="ask"
                ),
                Horizontal(Label("seeds"), Input(placeholder="3, or 0,7,9", id="seeds"), classes="ask"),
                Static("", id="count", markup=False),
            ),
            id="body",
        )

    @property
    def presets(self) -> PresetList:
        return self.query_one(PresetList)

    @property
    def settings(self) -> SettingsList:
        return self.query_one(SettingsList)

    def box(self, name: str) -> Input:
        """Return one of the fields to type in."""
        return self.query_one(f"#{name}", Input)

    def note(self, name: str, text: str) -> None:
        """Write into one of the lines of words."""
        self.query_one(f"#{name}", Static).update(text)

    def begin(self) -> None:
        self.set_focus(self.presets)
        self.in_thread(_load, self._loaded)

    def _loaded(self, presets: list[Preset]) -> None:
        self.presets.show_presets(presets)
        self._open()

    # the preset

    def _open(self) -> None:
        """Begin a draft of the preset under the cursor."""
        preset = self.presets.preset
        if preset is None or (self.draft is not None and self.draft.preset is preset):
            return
        try:
            draft = Draft(preset, seeds=self.box("seeds").value, grid=self.box("grid").value)
            originals = draft.originals()
            self.settings.cursor = 0
            self.settings.show_fields(draft.fields(), originals)
        except WorkbenchError as error:
            self.draft = None
            self.settings.show_fields([], {})
            self.note("about", line(str(error), 500))
            self.note("count", "")
            return
        self.draft = draft
        self.note("about", f"{line(preset.title, 120)}\n{line(preset.description, 400)}".strip())
        self.box("seeds").placeholder = (
            ",".join(str(seed) for seed in preset.seeds or (0,)) + "  (3, or 0,7,9)"
        )
        self._show_field()
        self._plan()

    def on_grid_moved(self, message: Grid.Moved) -> None:
        if message.grid is self.presets:
            self._open()
        else:
            self._show_field()

    def on_grid_picked(self, message: Grid.Picked) -> None:
        self.set_focus(message.grid)
        self.action_edit()

    # one setting

    def _show_field(self) -> None:
        """Put the setting under the cursor into the field."""
        item = self.settings.field
        self.query_one("#key", Label).update(f"{item.key} =" if item is not None else "")
        self._write(item.text if item is not None else "")
        self.note("describe", described(item) if item is not None else "")
        self.note("fault", "")

    def _write(self, text: str) -> None:
        """Put a text into the field as if it had stood there."""
        with self.prevent(Input.Changed):
            self.box("value").value = text

    def on_input_changed(self, message: Input.Changed) -> None:
        name, text = message.input.id, message.value
        if name == "filter":
            self.presets.filter(text)
            self._open()
        elif name == "value":
            self._set(text)
        elif self.draft is not None:
            setattr(self.draft, str(name), text)  # grid or seeds
            self._plan()

    def _set(self, text: str) -> None:
        """Take a text if the spec takes it, or say beneath the field why not."""
        item = self.settings.field
        if item is None or self.draft is None:
            return
        fault = self.draft.fault_of(item.key, text)
        self.note("fault", line(fault, 400))
        if fault:
            return
        self.say(self.draft.put(item.key, text))
        self.settings.show_fields(self.draft.fields(), self.draft.originals())
        self._plan()

    def _typed(self, text: str) -> None:
        """Set the setting under the cursor from a key, not from the field."""
        self._show_field()
        self._set(text)
        if self.settings.field is not None:
            self._write(self.settings.field.text)

    # grid, seeds, and what they make

    def _plan(self) -> None:
        draft = self.draft
        if draft is None:
            return
        self.planned, self.sure = None, False
        copy = Draft(draft.preset, dict(draft.changes), draft.grid, draft.seeds)
        self.in_thread(lambda: copy.plan(self.bench.store), self._planned, group="plan")

    def _planned(self, plan: Plan) -> None:
        self.planned = plan
        count = self.query_one("#count", Static)
        count.update(line(plan.text, 400))
        count.set_class(bool(plan.fault), "-fault")

    def action_queue(self) -> None:
        draft, plan = self.draft, self.planned
        item = self.settings.field
        pending = self.box("value").value
        if draft is None or plan is None:
            self.say(
                "The settings are still being checked." if draft is not None else "Choose a preset first.",
                "trouble",
            )
        elif item is not None and pending != item.text and draft.fault_of(item.key, pending):
            self.say(
                f"{item.key} cannot be '{line(pending, 40)}': mend it, or esc leaves it as it was.", "trouble"
            )
        elif plan.fault:
            self.say(line(plan.fault, 400), "trouble")
        elif plan.runs > MANY and not self.sure:
            self.sure = True
            self.say(f"That is {plural(plan.runs, 'run')}. ctrl+s again queues them.", "trouble")
        else:
            self._submit(draft, plan)

    def _submit(self, draft: Draft, plan: Plan) -> None:
        def submit() -> list[str]:
            from workbench.api.queue import submit

            return submit(self.bench.store, plan.specs, preset=draft.preset.name, overrides=draft.overrides)

        def queued(ids: list[str]) -> None:
            self.bench.feed.hurry()
            self.app.pop_screen()
            page = self.bench.pages[-1]
            page.say(f"Queued {plural(len(ids), 'run')} of {line(draft.preset.name, 60)}.", "good")

        self.planned = None  # a second key press while it is being queued must not queue it twice
        self.say(f"Queueing {plural(plan.runs, 'run')} …")
        self.in_thread(submit, queued)

    # moving about

    def action_next(self) -> None:
        self._step(1)

    def action_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        here = self.focused.id if self.focused is not None and self.focused.id in STOPS else "presets"
        self.set_focus(self.query_one(f"#{STOPS[(STOPS.index(str(here)) + by) % len(STOPS)]}"))

    def action_edit(self) -> None:
        if self.focused is self.presets:
            self.set_focus(self.settings)
        elif self.focused is self.settings and self.settings.field is not None:
            self.set_focus(self.box("value"))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        name = message.input.id
        if name == "filter":
            self.set_focus(self.presets)
        elif name == "value":
            if (
                not self.draft
                or not (item := self.settings.field)
                or not self.draft.fault_of(item.key, message.value)
            ):
                self.set_focus(self.settings)
                self.settings.move(1)
        else:
            self.set_focus(self.box("seeds") if name == "grid" else self.settings)

    def action_cycle(self) -> None:
        item = self.settings.field
        if self.focused is not self.settings or item is None:
            return
        choices = next_choices(item)
        if not choices:
            self.action_edit()
        elif self.draft is not None:  # one that cannot be had with the other settings is passed over
            able = (choice for choice in choices if not self.draft.fault_of(item.key, choice))
            self._typed(next(able, choices[0]))

    def action_default(self) -> None:
        item = self.settings.field
        if self.focused is self.settings and item is not None:
            self._typed(self.settings.originals.get(item.key, item.default_text))

    def action_filter(self) -> None:
        self.set_focus(self.box("filter"))

    def action_back(self) -> None:
        """esc goes one step out: field → settings → presets → the screen before."""
        if isinstance(self.focused, Input):
            self._show_field()
            self.set_focus(self.presets if self.focused.id == "filter" else self.settings)
        elif self.focused is self.settings:
            self.set_focus(self.presets)
        else:
            super().action_back()

    def _list(self) -> Grid:
        """The list that the arrows move in."""
        at_presets = self.focused is None or self.focused.id in ("presets", "filter")
        return self.presets if at_presets else self.settings

    def action_move(self, by: int) -> None:
        self._list().move(by)

    def action_page(self, by: int) -> None:
        self._list().move(by * self._list().page)

    def action_top(self) -> None:
        self._list().move_to(0)

    def action_bottom(self) -> None:
        self._list().move_to(self._list().count - 1)

    def lay_out(self, width: int, height: int) -> None:
        self.set_class(width >= 110, "-wide")


def _load() -> list[Preset]:
    from workbench.api.presets import list_presets

    return list_presets()
