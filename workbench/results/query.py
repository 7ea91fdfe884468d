"""The filter line of the results browser, and sorting: pure functions over rows.

    state:finished model:vae,lae tag:paper test_mse<0.03 seeds>=3 -data:mnist langevin "two words"

Terms are joined by and; `-` before one negates it; a comma means any of. `:` looks for part of a word
(`*` matches anything), `=` for the whole word, and so does `seed:`; numbers take = != < <= > >=. A
metric means its mean over seeds. A run without the value matches no comparison.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.spec.health import VERDICTS, worst
from workbench.spec.metrics import METRICS
from workbench.store.run_row import RunRow
from workbench.store.state import STATES
from workbench.text import cut

Test = Callable[[RunRow], bool]
Value = float | str | None

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
    "seconds": lambda row: (
        row.ended - row.started if row.ended is not None and row.started is not None else None
    ),
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

_TERM = re.compile(
    r"""(?P<not>-?)(?:(?P<key>[A-Za-z_][\w.]*)(?P<op><=|>=|!=|[:=<>]))?(?P<rest>(?:"[^"]*"|[^\s"])*)"""
)


@dataclass(frozen=True)
class Query:
    """A compiled filter line."""

    text: str
    tests: tuple[Test, ...] = ()

    def __call__(self, row: RunRow) -> bool:
        return all(test(row) for test in self.tests)


def filter_rows(rows: Iterable[RunRow], text: str) -> list[RunRow]:
    """Return the rows that match the filter line, in their order.

    Raises:
        WorkbenchError: for a faulty line.
    """
    given = list(rows)
    query = parse(text, set().union(*(row.summary for row in given)))
    return [row for row in given if query(row)] if query.tests else given


def parse(text: str, metrics: Iterable[str] = ()) -> Query:
    """Compile a filter line. `metrics` are the names known beside those of spec/metrics.py.

    Raises:
        WorkbenchError: for an unknown field, a bad number, or an open quote (exit code USAGE).
    """
    if text.count('"') % 2:
        raise WorkbenchError("The filter has an open quote.", 'Close it with another ".', USAGE)
    known = set(metrics)
    tests: list[Test] = []
    words: list[str] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = _TERM.match(text, place)
        if found is None or found.end() == place:
            raise WorkbenchError(f"The filter cannot be read from '{cut(text[place:], 40)}' on.", "", USAGE)
        place = found.end()
        if found["key"] is None and not found["not"]:
            words.append(_unquoted(found["rest"]).lower())
        elif found["rest"] or found["key"]:
            test = _term(found, known)
            tests.append(_negated(test) if found["not"] else test)
    if any(words):
        tests.append(_anywhere([word for word in words if word]))
    return Query(text, tuple(tests))


def sort_rows(rows: Iterable[RunRow], key: str, *, reverse: bool = False) -> list[RunRow]:
    """Return the rows sorted by a field or metric; those without a value come last either way.

    Rows of equal value keep their order.

    Raises:
        WorkbenchError: for an unknown key.
    """
    given = list(rows)
    value = _value(key, {name for row in given for name in row.summary})
    have: list[tuple[float | str, RunRow]] = []
    lack: list[RunRow] = []
    for row in given:
        found = value(row)
        if found is None or found == "":
            lack.append(row)
        else:
            have.append((found, row))
    have.sort(key=lambda pair: pair[0], reverse=reverse)
    return [row for _, row in have] + lack


def metric_mean(row: RunRow, name: str) -> float | None:
    """Return the mean over seeds of a final metric, None if the run has none that is finite."""
    total, n = 0.0, 0
    for value in row.summary.get(name, ()):
        if value is not None and value - value == 0:  # neither NaN nor infinite; ten thousand rows ask
            total += value
            n += 1
    return total / n if n else None


def _term(found: re.Match[str], known: Iterable[str]) -> Test:
    key, operator, rest = found["key"], found["op"], found["rest"]
    if key is None:
        return _anywhere([_unquoted(rest).lower()])
    field = ALIASES.get(key.lower(), key.lower())
    if rest == "":
        raise WorkbenchError(
            f"The filter '{key}{operator}' lacks a value.", f"Example: {_example(field)}.", USAGE
        )
    wanted = [_unquoted(part) for part in _split(rest)]
    if field in WORDS:
        return _words(field, operator, wanted)
    if field in NUMBERS:
        return _numbers(NUMBERS[field], key, operator, wanted, _number)
    if field in TIMES:
        return _numbers(TIMES[field], key, operator, wanted, _day)
    if key in known or key in METRICS:
        return _numbers(lambda row: metric_mean(row, key), key, operator, wanted, _number)
    raise _unknown(key, known)


def _anywhere(words: list[str]) -> Test:
    """Look for all words at once: putting a row's text together costs more than looking through it."""

    def test(row: RunRow) -> bool:
        place = f"{row.id}\n{row.name}\n{row.kind}\n{row.data}\n{row.preset}\n{row.study}".lower()
        for word in words:
            if word not in place and word not in row.note.lower() and word not in " ".join(row.tags).lower():
                return False
        return True

    return test


def _words(field: str, operator: str, wanted: list[str]) -> Test:
    if operator not in {":", "=", "!="}:
        raise WorkbenchError(f"'{field}' is a word and has no order.", f"Write {_example(field)}.", USAGE)
    choices = VOCABULARY.get(field, ())
    for word in wanted:
        if choices and "*" not in word and not any(word.lower() in choice for choice in choices):
            hint = did_you_mean(word, choices) or f"There are {', '.join(choices)}."
            raise WorkbenchError(f"There is no {field} '{cut(word, 40)}'.", hint, USAGE)
    get = WORDS[field]
    low = [word.lower() for word in wanted]
    if operator != ":" or field in WHOLE:
        same: Test = lambda row: not whole.isdisjoint(get(row).lower().split("\n"))  # noqa: E731
        whole = frozenset(low)
        return same if operator != "!=" else _negated(same)
    if len(low) == 1 and "*" not in low[0]:
        word = low[0]
        return lambda row: word in get(row).lower()
    parts = (".*".join(map(re.escape, word.split("*"))) for word in low)
    pattern = re.compile("|".join(parts))
    return lambda row: pattern.search(get(row).lower()) is not None


def _numbers(
    get: Callable[[RunRow], float | None],
    key: str,
    operator: str,
    wanted: list[str],
    read: Callable[[str, str], tuple[float, float]],
) -> Test:
    """Compare with a number, or with a whole day, which is a range of times."""
    ranges = [read(key, word) for word in wanted]
    if operator in {":", "="}:
        return lambda row: (v := get(row)) is not None and any(a <= v <= b for a, b in ranges)
    if operator == "!=":
        return lambda row: (v := get(row)) is not None and not any(a <= v <= b for a, b in ranges)
    if len(ranges) > 1:
        raise WorkbenchError(f"'{key}{operator}' takes one value, not several.", "", USAGE)
    first, last = ranges[0]
    tests: dict[str, Test] = {
        "<": lambda row: (v := get(row)) is not None and v < first,
        "<=": lambda row: (v := get(row)) is not None and v <= last,
        ">": lambda row: (v := get(row)) is not None and v > last,
        ">=": lambda row: (v := get(row)) is not None and v >= first,
    }
    return tests[operator]


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
        hint = f"Example: {key}>=2026-11-20 or {key}<2026-11-20T18:30."
        raise WorkbenchError(f"'{key}' is a date, not '{cut(word, 40)}'.", hint, USAGE) from None
    return (start, start + 86_400 - 1e-6) if len(word) <= 10 else (start, start)


def _value(key: str, known: Iterable[str]) -> Callable[[RunRow], Value]:
    field = ALIASES.get(key.lower(), key.lower())
    if field in WORDS:
        get = WORDS[field]
        return lambda row: get(row).strip().lower()
    if field in NUMBERS or field in TIMES:
        return NUMBERS.get(field) or TIMES[field]
    if key in known or key in METRICS:
        return lambda row: metric_mean(row, key)
    raise _unknown(key, known)


def _unknown(key: str, known: Iterable[str]) -> WorkbenchError:
    names = [*WORDS, *NUMBERS, *TIMES, *sorted({*METRICS, *known})]
    hint = f'{did_you_mean(key, names)} Quotes look for the text itself: "{cut(key, 40)}".'.strip()
    return WorkbenchError(f"There is no field or metric '{cut(key, 40)}'.", hint, USAGE)


def _negated(test: Test) -> Test:
    return lambda row: not test(row)


def _split(rest: str) -> list[str]:
    """Split at commas outside quotes."""
    return [part for part in re.findall(r'(?:"[^"]*"|[^,"])+', rest) if part] or [rest]


def _unquoted(text: str) -> str:
    return text.replace('"', "")


def _example(field: str) -> str:
    return "state:finished" if field == "state" else f"{field}:text" if field in WORDS else f"{field}<10"
