"""What a filter can ask for: words, numbers, times, settings and metrics of a run, and how they compare."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, Protocol

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.spec.health import VERDICTS, worst
from workbench.spec.metrics import METRICS
from workbench.store.run_row import RunRow
from workbench.store.state import STATES
from workbench.text import cut

Test = Callable[[RunRow], bool]
Value = float | str | None
Reader = Callable[[str, str], tuple[float, float]]  # (key, word) to the first and last number that it means

# Several texts of one field are on separate lines.
WORDS: dict[str, Callable[[RunRow], str]] = {
    "id": attrgetter("id"),
    "name": attrgetter("name"),
    "state": attrgetter("state"),
    "health": lambda row: worst(row.health),
    "model": attrgetter("kind"),
    "data": attrgetter("data"),
    "tag": lambda row: "\n".join(row.tags),
    "seed": lambda row: "\n".join(map(str, row.seeds)),
    "preset": attrgetter("preset"),
    "study": lambda row: f"{row.study}\n{row.study_id}",
    "group": attrgetter("group"),
    "device": attrgetter("device"),
    "failure": attrgetter("failure"),
    "reason": attrgetter("reason"),
    "note": attrgetter("note"),
    "phase": attrgetter("phase"),
}
NUMBERS: dict[str, Callable[[RunRow], float | None]] = {
    "seeds": lambda row: len(row.seeds),
    "step": lambda row: row.step,
    "total": lambda row: row.total,
    "attempt": lambda row: row.attempt,
    "priority": lambda row: row.priority,
    "speed": lambda row: row.steps_per_second or None,
    "eta": lambda row: row.eta,
    "seconds": lambda row: row.took,
}
TIMES: dict[str, Callable[[RunRow], float | None]] = {
    "created": lambda row: row.created,
    "started": lambda row: row.started,
    "ended": lambda row: row.ended,
}
ALIASES = {"tags": "tag", "kind": "model", "status": "state", "dataset": "data"}
# Fields whose words form a fixed list, so that a misspelt one is an error and not an empty screen.
VOCABULARY = {"state": STATES, "health": VERDICTS}
WHOLE = frozenset({"seed", "health"})  # seed:1 is not seed 11, healthy is not unhealthy
AGE = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
SECTIONS = ("model", "data", "training", "evaluation", "resources")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Details(Protocol):
    """What is known of runs beyond their rows: see `RunIndex`."""

    def settings(self, key: str) -> dict[str, Any]:
        """Return by run id the setting under a dotted key."""

    def numbers(self, key: str) -> dict[str, float]:
        """Return by run id the mean of an estimate or of the last point of a curve."""

    def detail_keys(self) -> list[str]:
        """Return all keys."""


class Fields:
    """The fields of some runs by name. `metrics` are known beside those of spec/metrics.py."""

    def __init__(self, metrics: Iterable[str] = (), details: Details | None = None) -> None:
        self.metrics = {*METRICS, *metrics}
        self.more = details

    def test(self, key: str, operator: str, wanted: list[str]) -> Test:
        """Return the comparison of a field with the values wanted.

        Raises:
            WorkbenchError: for an unknown field or a value of another kind (exit code USAGE).
        """
        field = ALIASES.get(key.lower(), key.lower())
        if not all(wanted) or not wanted:
            hint = f"Example: {example(field)}."
            raise WorkbenchError(f"The filter '{key}{operator}' lacks a value.", hint, USAGE)
        if field in WORDS:
            return _words(field, WORDS[field], operator, wanted)
        if field in NUMBERS:
            return _numbers(NUMBERS[field], key, operator, wanted, _number)
        if field in TIMES:
            if any(AGE.fullmatch(word) for word in wanted):
                return _age(TIMES[field], key, operator, wanted)
            return _numbers(TIMES[field], key, operator, wanted, _day)
        if metric := self._metric(key):
            return _numbers(metric, key, operator, wanted, _number)
        return _setting(key, self._setting(key), operator, wanted)

    def value(self, key: str) -> Callable[[RunRow], Value]:
        """Return what a field of a row is, to sort by.

        Raises:
            WorkbenchError: for an unknown field.
        """
        field = ALIASES.get(key.lower(), key.lower())
        if field in WORDS:
            get = WORDS[field]
            return lambda row: get(row).strip().lower()
        if field in NUMBERS or field in TIMES:
            return NUMBERS.get(field) or TIMES[field]
        if metric := self._metric(key):
            return metric
        found = self._setting(key)
        if all(isinstance(value, int | float) for value in found.values()):
            return lambda row: found.get(row.id)
        texts = {run_id: str(value) for run_id, value in found.items()}
        return lambda row: texts.get(row.id)

    def unknown(self, key: str) -> WorkbenchError:
        """Return the error about a name that no field, setting or metric has."""
        keys = self.more.detail_keys() if self.more is not None else []
        near = did_you_mean(key, [*WORDS, *NUMBERS, *TIMES, *keys, *sorted(self.metrics)])
        hint = f'{near} Quotes look for the text itself: "{cut(key, 40)}".'.strip()
        return WorkbenchError(f"There is no field, setting or metric '{cut(key, 40)}'.", hint, USAGE)

    @cached_property
    def _keys(self) -> list[str]:
        """Every setting of the runs; asked for once, since it looks at each run."""
        return [
            name for name in (self.more.detail_keys() if self.more is not None else []) if _is_setting(name)
        ]

    def _setting(self, key: str) -> dict[str, Any]:
        """Return by run the setting of that key, or the only one whose last part it is.

        Raises:
            WorkbenchError: if there is none, or several.
        """
        full = [name for name in self._keys if key in (name, name.rpartition(".")[2])]
        if len(full) > 1 and key not in full:
            raise WorkbenchError(f"'{key}' may be {' or '.join(full)}.", "Write it in full.", USAGE)
        if not full or self.more is None:
            raise self.unknown(key)
        return self.more.settings(key if key in full else full[0])

    def _metric(self, key: str) -> Callable[[RunRow], float | None] | None:
        """Return a run's final metric, else its estimate or the last point of its curve; None if unknown.

        Estimates and curves are read when the first run without the final metric asks for them.
        """
        more, known = self.more, key in self.metrics
        if _is_setting(key) or (more is None and not known):
            return None
        numbers = cache(lambda: more.numbers(key) if more is not None else {})
        short = not known and any(name.rpartition(".")[2] == key for name in self._keys)
        if short or not (known or numbers()):
            return None
        return lambda row: numbers().get(row.id) if (mean := metric_mean(row, key)) is None else mean


def metric_mean(row: RunRow, name: str) -> float | None:
    """Return the mean over seeds of a final metric, None if the run has none that is finite."""
    total, n = 0.0, 0
    for value in row.summary.get(name, ()):
        if value is not None and value - value == 0:  # neither NaN nor infinite; ten thousand rows ask
            total += value
            n += 1
    return total / n if n else None


def anywhere(words: Sequence[str]) -> Test:
    """Look for all words at once: putting a row's text together costs more than looking through it."""

    def test(row: RunRow) -> bool:
        place = f"{row.id}\n{row.name}\n{row.kind}\n{row.data}\n{row.preset}\n{row.study}".lower()
        for word in words:
            if word not in place and word not in row.note.lower() and word not in " ".join(row.tags).lower():
                return False
        return True

    return test


def negated(test: Test) -> Test:
    """Return the test that holds where `test` does not."""
    return lambda row: not test(row)


def example(field: str) -> str:
    """Return a valid filter of a field."""
    return "state:finished" if field == "state" else f"{field}:text" if field in WORDS else f"{field}<10"


def holds(text: str, pattern: str) -> bool:
    """Whether `text` has the parts of `pattern` between its `*` in their order; linear in the text."""
    place = 0
    for part in pattern.split("*"):
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def _is_setting(key: str) -> bool:
    return key.partition(".")[0] in SECTIONS and "." in key


def _words(field: str, get: Callable[[RunRow], str], operator: str, wanted: list[str]) -> Test:
    if operator not in {":", "=", "!="}:
        raise WorkbenchError(f"'{field}' is a word and has no order.", f"Write {example(field)}.", USAGE)
    choices = VOCABULARY.get(field, ())
    for word in wanted:
        if choices and "*" not in word and not any(word.lower() in choice for choice in choices):
            hint = did_you_mean(word, choices) or f"There are {', '.join(choices)}."
            raise WorkbenchError(f"There is no {field} '{cut(word, 40)}'.", hint, USAGE)
    low = [word.lower() for word in wanted]
    if operator != ":" or field in WHOLE:
        same: Test = lambda row: not whole.isdisjoint(get(row).lower().split("\n"))  # noqa: E731
        whole = frozenset(low)
        return same if operator != "!=" else negated(same)
    if len(low) == 1 and "*" not in low[0]:
        word = low[0]
        return lambda row: word in get(row).lower()
    return lambda row: any(holds(line, w) for line in get(row).lower().split("\n") for w in low)


def _setting(key: str, found: dict[str, Any], operator: str, wanted: list[str]) -> Test:
    """Compare a setting: as numbers where order is asked for, else as texts of TOML values."""
    if operator in {"<", "<=", ">", ">="}:
        if not any(isinstance(value, int | float) for value in found.values()):
            raise WorkbenchError(f"'{key}' is a word and has no order.", f"Write {key}=text.", USAGE)
        ordered = {run_id: value for run_id, value in found.items() if isinstance(value, int | float)}
        return _numbers(lambda row: ordered.get(row.id), key, operator, wanted, _number)
    texts = {run_id: _plain(value) for run_id, value in found.items()}
    if operator == ":":
        low = [word.lower() for word in wanted]
        return lambda row: (text := texts.get(row.id)) is not None and any(holds(text, w) for w in low)
    same = frozenset(_plain(_typed(word)) for word in wanted)
    if operator == "=":
        return lambda row: texts.get(row.id) in same
    return lambda row: (text := texts.get(row.id)) is not None and text not in same


def _typed(word: str) -> Any:
    """Return the value that a word means: a number, a list, true or false, or itself."""
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word


def _plain(value: Any) -> str:
    """Return one text for equal values: 1, 1.0, 1e0 and true are the same."""
    if isinstance(value, list):
        value = json.dumps(value, separators=(",", ":"))
    return repr(float(value)) if isinstance(value, int | float) else str(value).lower()


def _numbers(
    get: Callable[[RunRow], float | None], key: str, operator: str, wanted: list[str], read: Reader
) -> Test:
    """Compare with a number, or with a whole day, which is a range of times."""
    ranges = [read(key, word) for word in wanted]
    if operator in {":", "="}:
        return lambda row: (v := get(row)) is not None and any(a <= v <= b for a, b in ranges)
    if operator == "!=":
        return lambda row: (v := get(row)) is not None and not any(a <= v <= b for a, b in ranges)
    first, last = _only(key, operator, ranges)
    tests: dict[str, Test] = {
        "<": lambda row: (v := get(row)) is not None and v < first,
        "<=": lambda row: (v := get(row)) is not None and v <= last,
        ">": lambda row: (v := get(row)) is not None and v > last,
        ">=": lambda row: (v := get(row)) is not None and v >= first,
    }
    return tests[operator]


def _age(get: Callable[[RunRow], float | None], key: str, operator: str, wanted: list[str]) -> Test:
    """Compare how long ago a moment was: created<2h is younger than two hours."""
    if operator in {":", "=", "!="}:
        age = cut(wanted[0], 40)
        raise WorkbenchError(
            f"'{key}' has no age of exactly {age}.", f"Write {key}<{age} or {key}>{age}.", USAGE
        )
    found = [AGE.fullmatch(word) for word in wanted]
    ages = [float(one[1]) * SECONDS[one[2]] for one in found if one is not None]
    now = time.time()
    return _numbers(
        lambda row: None if (moment := get(row)) is None else now - moment,
        key, operator, [str(_only(key, operator, ages))], _number,
    )  # fmt: skip


def _only(key: str, operator: str, values: list[Any]) -> Any:
    if len(values) > 1:
        raise WorkbenchError(f"'{key}{operator}' takes one value, not several.", "", USAGE)
    return values[0]


def _number(key: str, word: str) -> tuple[float, float]:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if number != number:
        raise WorkbenchError(f"'{key}' is a number, not '{cut(word, 40)}'.", f"Example: {key}<0.03.", USAGE)
    return number, number


def _day(key: str, word: str) -> tuple[float, float]:
    """Return the first and last moment of a day, or a moment twice, in local time."""
    try:
        moment = datetime.fromisoformat(word)
        start = moment.timestamp()
    except (ValueError, OverflowError, OSError):
        hint = f"Example: {key}>=2026-11-20, {key}<2026-11-20T18:30, or {key}<2h for the last two hours."
        raise WorkbenchError(f"'{key}' is a date, not '{cut(word, 40)}'.", hint, USAGE) from None
    return (start, start + 86_400 - 1e-6) if len(word) <= 10 else (start, start)
