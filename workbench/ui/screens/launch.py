"""Launch: choose a preset, change its settings, give a grid and seeds, and queue the runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench import api
from workbench.errors import WorkbenchError
from workbench.text import plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
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
        self.presets = PresetList(id="presets")
        self.settings = SettingsList(id="settings")
        self.filter = Input(placeholder="filter", id="filter")
        self.value = Input(id="value", select_on_focus=True)
        self.over = Input(placeholder="model.latent=2,8,16", id="grid")
        self.seeds = Input(placeholder="3, or 0,7,9", id="seeds")
        self.draft: Draft | None = None
        self.planned: Plan | None = None  # None: being worked out
        self.sure = False
        self.before: tuple[str, dict[str, str]] = (
            "",
            {},
        )  # the setting being edited, and the changes before that

    def body(self) -> Iterable[Widget]:
        yield Horizontal(
            Vertical(
                Horizontal(Label("/"), self.filter, classes="ask"), self.presets, id="presets-side"
            ),
            Vertical(
                Static("", id="about", markup=False),
                self.settings,
                Horizontal(Label("", id="key", markup=False), self.value, classes="ask"),
                Static("", id="describe", markup=False),
                Static("", id="fault", markup=False),
                Horizontal(Label("grid "), self.over, classes="ask"),
                Horizontal(Label("seeds"), self.seeds, classes="ask"),
                Static("", id="count", markup=False),
            ),
            id="body",
        )  # fmt: skip

    def note(self, name: str, text: str) -> None:
        """Write into one of the lines of text."""
        self.query_one(f"#{name}", Static).update(text)

    def begin(self) -> None:
        def loaded(presets: list[Preset]) -> None:
            self.presets.presets, self.presets.drafts = presets, self.bench.drafts
            self.presets.filter("")
            self._open()

        self.set_focus(self.presets)
        self.in_thread(lambda: api.presets.list_presets(), loaded)

    # the preset

    def _open(self) -> None:
        """Begin a draft of the preset under the cursor."""
        preset = self.presets.preset
        if preset is None or (self.draft is not None and self.draft.preset.name == preset.name):
            return
        try:  # edits stay with their preset until it is queued
            draft = self.bench.drafts.get(preset.name) or Draft(preset)
            originals = draft.originals()
            self.settings.cursor = 0
            self.settings.show_fields(draft.fields(), originals)
        except WorkbenchError as error:
            self.draft = None
            self.settings.show_fields([], {})
            self.note("about", line(str(error), 500))
            self.note("count", "")
            return
        self.draft = self.bench.drafts[preset.name] = draft
        with self.prevent(Input.Changed):
            self.over.value, self.seeds.value = draft.grid, draft.seeds
        self.note("about", f"{line(preset.title, 120)}\n{line(preset.description, 400)}".strip())
        seeds = ",".join(str(seed) for seed in preset.seeds or (0,))
        self.seeds.placeholder = f"{seeds}  (3, or 0,7,9)"
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
        """Put the setting under the cursor into the field, as if it had always been there."""
        item = self.settings.field
        self.query_one("#key", Label).update(f"{item.key} =" if item is not None else "")
        with self.prevent(Input.Changed):
            self.value.value = item.text if item is not None else ""
        self.note("describe", described(item) if item is not None else "")
        self.note("fault", "")

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

    def _set(self, text: str) -> bool:
        """Take a text if it is valid, or say beneath the field why not; return whether it was taken."""
        item = self.settings.field
        if item is None or self.draft is None:
            return False
        if self.before[0] != item.key:
            self.before = item.key, dict(self.draft.changes)
        fault = self.draft.fault_of(item.key, text)
        self.note("fault", line(fault, 400))
        if not fault:
            self.show_message(self.draft.put(item.key, text))
            self.settings.show_fields(self.draft.fields(), self.draft.originals())
            self._plan()
        return not fault

    def _set_from_key(self, text: str) -> None:
        """Set the setting under the cursor by a key, not through the field."""
        self._show_field()
        if self._set(text):
            self._show_field()

    def action_cycle(self) -> None:
        item = self.settings.field
        if self.focused is not self.settings or item is None:
            return
        choices = next_choices(item)
        if not choices:
            self.action_edit()
        elif self.draft is not None:  # one that does not go with the other settings is skipped
            valid = (choice for choice in choices if not self.draft.fault_of(item.key, choice))
            self._set_from_key(next(valid, choices[0]))

    def action_default(self) -> None:
        item = self.settings.field
        if self.focused is self.settings and item is not None:
            self._set_from_key(self.settings.originals.get(item.key, item.default_text))

    # grid, seeds, and the runs they make

    def _plan(self) -> None:
        """Work out in a thread what would be queued."""
        if self.draft is None:
            return

        def planned(plan: Plan) -> None:
            self.planned = plan
            count = self.query_one("#count", Static)
            count.update(line(plan.text, 400))
            count.set_class(bool(plan.fault), "-fault")

        self.planned, self.sure = None, False
        copy = replace(self.draft, changes=dict(self.draft.changes))
        self.in_thread(lambda: copy.plan(self.bench.store), planned, group="plan")

    def action_queue(self) -> None:
        """Queue the runs, unless something is wrong, or there are very many and this is the first press."""
        draft, plan, item, pending = self.draft, self.planned, self.settings.field, self.value.value
        trouble = ""
        if draft is None:
            trouble = "No preset selected."
        elif plan is None:
            trouble = "The settings are still being checked."
        elif item is not None and pending != item.text and draft.fault_of(item.key, pending):
            trouble = f"Invalid value '{line(pending, 40)}' for {item.key}: fix it, or press esc."
        elif plan.fault:
            trouble = line(plan.fault, 400)
        elif plan.runs > MANY and not self.sure:
            self.sure = True
            trouble = f"This makes {plural(plan.runs, 'run')}. ctrl+s again queues them."
        if trouble or draft is None or plan is None:
            self.show_message(trouble, "trouble")
            return

        def queued(ids: list[str]) -> None:
            self.bench.feed.hurry()
            self.bench.drafts.pop(draft.preset.name, None)
            self.app.pop_screen()
            message = f"Queued {plural(len(ids), 'run')} of {line(draft.preset.name, 60)}."
            self.bench.pages[-1].show_message(message, "good")

        self.planned = None  # a second key press while it is being queued must not queue it twice
        self.show_message(f"Queueing {plural(plan.runs, 'run')} …")
        store, name, overrides = self.bench.store, draft.preset.name, draft.overrides

        def submit() -> list[str]:
            try:
                return api.queue.submit(store, plan.specs, preset=name, overrides=overrides)
            except Exception:  # reported by `in_thread`; the files may be repaired, and the key pressed again
                self.planned = plan
                raise

        self.in_thread(submit, queued)

    # moving about

    def scroller(self) -> Grid:
        at_presets = self.focused is None or self.focused.id in ("presets", "filter")
        return self.presets if at_presets else self.settings

    def action_step(self, by: int) -> None:
        """Go to the next or previous list or field, round and round."""
        here = self.focused.id if self.focused is not None and self.focused.id in STOPS else "presets"
        self.set_focus(self.query_one(f"#{STOPS[(STOPS.index(str(here)) + by) % len(STOPS)]}"))

    def action_edit(self) -> None:
        if self.focused is self.presets:
            self.set_focus(self.settings)
        elif self.focused is self.settings and self.settings.field is not None:
            self.set_focus(self.value)

    def on_descendant_focus(self) -> None:
        """Remember how things are when a field is entered: esc brings that back."""
        self.before = "", {}

    def _restore(self) -> None:
        """Bring back the settings as they were before the field was entered."""
        key, changes = self.before
        if key and self.draft is not None and changes != self.draft.changes:
            self.draft.changes = changes
            self.settings.show_fields(self.draft.fields(), self.draft.originals())
            self._plan()
        self.before = "", {}

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Go from a field to the next one; a setting that is invalid keeps the focus."""
        item = self.settings.field
        if message.input is not self.value:
            after = {"filter": self.presets, "grid": self.seeds}
            self.set_focus(after.get(str(message.input.id), self.settings))
        elif self.draft is None or item is None or not self.draft.fault_of(item.key, message.value):
            self.set_focus(self.settings)
            self.settings.move(1)

    def action_filter(self) -> None:
        self.set_focus(self.filter)

    def action_back(self) -> None:
        """Go one step out: field → settings → presets → the previous screen."""
        if isinstance(self.focused, Input):
            if self.focused is self.value:
                self._restore()
            self._show_field()
            self.set_focus(self.presets if self.focused is self.filter else self.settings)
        elif self.focused is self.settings:
            self.set_focus(self.presets)
        else:
            super().action_back()

    def lay_out(self, width: int, height: int) -> None:
        self.set_class(width >= 110, "-wide")
