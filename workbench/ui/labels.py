"""Names cut so that what distinguishes them stays: a grid of runs differs in the end of its names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from workbench.text import safe_text
from workbench.ui.formatting import fit, line

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


def squeezed(text: str, width: int) -> str:
    """Return text of at most `width` cells, with an ellipsis in its middle; more of its end is kept."""
    length = cell_len(text)
    if length <= width:
        return text
    if width < 8:
        return set_cell_size(text, max(0, width - 1)) + "…" * (width > 0)
    front = (width - 1) // 3
    back, end = width - 1 - front, text
    while cell_len(end) > back:
        end = end[1:]
    return f"{set_cell_size(text, front).rstrip()}…{end.lstrip()}"


def apart(texts: Sequence[str], width: int) -> list[str]:
    """Return each text in at most `width` cells, so that different texts stay different if they can.

    A text that does not fit loses the words that all texts with its first word share; if that is not enough,
    it loses its middle, or its end where no other text has its first word.
    """
    whole = [safe_text(text, 200, one_line=True) for text in texts]
    if all((len(text) if text.isascii() else cell_len(text)) <= width for text in whole):
        return whole
    kin: dict[str, list[list[str]]] = defaultdict(list)
    parts = [_words(text) for text in whole]
    for words in parts:
        if len(words) > 1:  # a name without settings has nothing to share
            kin[words[0]].append(words)
    common = {first: set(group[0]).intersection(*group[1:]) for first, group in kin.items() if len(group) > 1}
    short = []
    for text, words in zip(whole, parts, strict=True):
        shared = common.get(words[0], set()) if words and cell_len(text) > width else set()
        kept = " ".join([*words[:1], *(word for word in words[1:] if word not in shared)])
        alone = bool(words) and len(words) > 1 and len(kin[words[0]]) == 1 and cell_len(words[0]) <= width
        short.append(fit(kept, width).rstrip() if alone else squeezed(kept, width))
    return short


def _words(text: str) -> list[str]:
    """Return the name and the settings of a text such as `vae-digits latent=8 [data.batch=50, lr=1e-3]`."""
    return text.replace(", ", " ").replace("[", " ", int(" [" in text)).removesuffix("]").split()


def tails(ids: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return each name; runs that share one get the end of their id too, as in `vae-digits k3f9`."""
    count: dict[str, int] = defaultdict(int)
    for name in names:
        count[name] += 1
    return [
        f"{name} {run_id.rpartition('-')[2]}" if count[name] > 1 else name
        for run_id, name in zip(ids, names, strict=True)
    ]


def labels_of(rows: Sequence[RunRow], width: int) -> list[str]:
    """Return the name of each run, with the end of its id where others share it, `apart` in `width` cells."""
    return apart(tails([row.id for row in rows], [line(row.name) for row in rows]), width)
