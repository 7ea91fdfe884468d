"""One action with its keys, how keys are written, and which actions fit into the line of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SHOWN = {
    "question_mark": "?", "plus": "+", "minus": "-", "left_square_bracket": "[", "right_square_bracket": "]",
    "slash": "/", "equals_sign": "=", "escape": "esc",  # arrows by name: in ASCII they would be other keys
    "pageup": "PgUp", "pagedown": "PgDn", "comma": ",", "full_stop": ".",
    "greater_than_sign": ">", "less_than_sign": "<", "vertical_line": "|",
}  # fmt: skip


@dataclass(frozen=True)
class Action:
    """One thing to do. `name` calls a method `action_<name>` of the screen (of the app, if everywhere).

    `keys` are Textual's names of keys; the first one is shown. `about` is the help line, or a function that
    returns it. `footer` ranks the action in the line of keys (1 = kept longest as the terminal gets narrow;
    0 = not shown there).
    """

    name: str
    keys: tuple[str, ...]
    label: str
    about: str | Callable[[], str]
    where: tuple[str, ...]
    group: str
    footer: int = 0
    palette: bool = True

    @property
    def help(self) -> str:
        return self.about if isinstance(self.about, str) else self.about()


def shown_key(key: str) -> str:
    """Return a key as people write it, from its Textual name."""
    return _SHOWN.get(key, key)


def footer(actions: Iterable[Action], width: int) -> list[Action]:
    """Return the actions that fit into a line of `width` cells, by rank; help and quit always."""
    ranked = sorted((action for action in actions if action.footer), key=lambda action: action.footer)
    cells = {action: len(f"{shown_key(action.keys[0])} {action.label}  ") for action in ranked}
    always = [action for action in ranked if action.name in ("help", "leave")]
    room = width - sum(cells[action] for action in always)
    chosen = []
    for action in ranked:
        if action not in always:
            room -= cells[action]
            if room < 0:
                break
            chosen.append(action)
    return sorted([*chosen, *always], key=lambda action: action.footer)
