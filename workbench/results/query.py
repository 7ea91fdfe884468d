"""The filter line of lists and tables, and sorting: pure functions over rows.

    state:finished model:vae,lae training.lr<1e-3 test_mse<0.03 created<2d -data:mnist (tag:best or "a b")

Terms beside each other must all match; `or` joins alternatives, brackets group, `-` or `not` negates. A
comma means any of. `:` looks for part of a word (`*` matches anything), `=` for the whole word, and so does
`seed:`; numbers take = != < <= > >=. A metric means its mean over seeds: of the result, else of an estimate,
else of the last point of its curve. A run without the value matches no comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import USAGE, WorkbenchError
from workbench.results.fields import Details, Fields, Test, anywhere, negated
from workbench.store.run_row import RunRow
from workbench.text import cut

MOST_TERMS, LONGEST = 200, 4000
_TOKEN = re.compile(
    r"""\s*(?P<mark>[()]|-(?=\S))?(?P<term>
    (?:(?P<key>[A-Za-z_][\w.]*)(?P<op><=|>=|!=|[:=<>]))?(?P<rest>(?:"[^"]*"|\[[^\]\s]*\]|[^\s"()])*)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Query:
    """A compiled filter line."""

    text: str
    tests: tuple[Test, ...] = ()

    def __call__(self, row: RunRow) -> bool:
        return all(test(row) for test in self.tests)


def filter_rows(rows: Iterable[RunRow], text: str, details: Details | None = None) -> list[RunRow]:
    """Return the rows that match the filter line, in their order.

    Raises:
        WorkbenchError: for a faulty line.
    """
    given = list(rows)
    query = parse(text, set().union(*(row.summary for row in given)), details)
    return [row for row in given if query(row)] if query.tests else given


def parse(text: str, metrics: Iterable[str] = (), details: Details | None = None) -> Query:
    """Compile a filter line. `metrics` are the names known beside those of spec/metrics.py.

    Raises:
        WorkbenchError: for an unknown field, a bad value, or an open quote or bracket (exit code USAGE).
    """
    if len(text) > LONGEST:
        raise WorkbenchError(f"The filter is longer than {LONGEST} characters.", "", USAGE)
    if text.count('"') % 2:
        raise WorkbenchError("The filter has an open quote.", 'Close it with another ".', USAGE)
    return Query(text, tuple(_Parser(text, Fields(metrics, details)).whole()))


def sort_rows(
    rows: Iterable[RunRow], key: str, *, reverse: bool = False, details: Details | None = None
) -> list[RunRow]:
    """Return the rows sorted by a field, setting or metric; those without a value come last either way.

    Rows of equal value keep their order.

    Raises:
        WorkbenchError: for an unknown key.
    """
    given = list(rows)
    value = Fields({name for row in given for name in row.summary}, details).value(key)
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


class _Parser:
    """Reads one line from left to right: alternatives of conjunctions of terms."""

    def __init__(self, text: str, fields: Fields) -> None:
        self.fields = fields
        self.tokens = _tokens(text)
        self.place = 0

    def whole(self) -> list[Test]:
        """Return the tests that must all hold.

        Raises:
            WorkbenchError: for a bracket that is closed and was not opened.
        """
        tests = self._alternatives(0)
        if self.place < len(self.tokens):
            raise WorkbenchError("The filter closes a bracket that is not open.", "Remove the ).", USAGE)
        return tests

    def _alternatives(self, depth: int) -> list[Test]:
        """Return the tests of `a b or c d` up to the end or a closing bracket."""
        options = [self._conjunction(depth)]
        while self._next_is("or"):
            self.place += 1
            options.append(self._conjunction(depth))
        if len(options) == 1:
            return options[0]
        if not all(options):
            hint = 'Quote it to look for the word: "or".'
            raise WorkbenchError("The filter has nothing on one side of 'or'.", hint, USAGE)
        return [lambda row: any(all(test(row) for test in tests) for tests in options)]

    def _conjunction(self, depth: int) -> list[Test]:
        """Return the tests of terms beside each other."""
        tests: list[Test] = []
        words: list[str] = []
        while self.place < len(self.tokens) and not (self._next_is("or") or self._next_is(")")):
            odd = False
            while self._next_is("not") or self._next_is("-"):
                self.place, odd = self.place + 1, not odd
            if self.place == len(self.tokens) or self._next_is(")"):
                raise WorkbenchError("The filter has nothing after 'not'.", 'Quote the word: "not".', USAGE)
            token = self.tokens[self.place]
            self.place += 1
            if token.text == "(":
                inner = self._bracket(depth)
                tests += [negated(Query("", tuple(inner)))] if odd else inner
            elif token.key:
                test = self.fields.test(token.key, token.operator, _values(token.text))
                tests.append(negated(test) if odd else test)
            elif odd:
                tests.append(negated(anywhere([_unquoted(token.text).lower()])))
            else:
                words.append(_unquoted(token.text).lower())
        return [*tests, *([anywhere(words)] if words else [])]

    def _bracket(self, depth: int) -> list[Test]:
        if depth > 20:
            raise WorkbenchError("The filter has more than 20 brackets inside each other.", "", USAGE)
        inner = self._alternatives(depth + 1)
        if self.place == len(self.tokens):
            raise WorkbenchError("The filter has an open bracket.", "Close it with ).", USAGE)
        self.place += 1
        return inner

    def _next_is(self, word: str) -> bool:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        return token is not None and not token.key and token.text == word


@dataclass(frozen=True)
class _Token:
    """A bracket, a minus, a word, or the value compared with the field `key`."""

    text: str
    key: str = ""
    operator: str = ""


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.end() == place:
            raise WorkbenchError(f"The filter cannot be read from '{cut(text[place:], 40)}' on.", "", USAGE)
        place = match.end()
        if match["mark"]:
            found.append(_Token(match["mark"]))
        if match["key"]:
            found.append(_Token(match["rest"], match["key"], match["op"]))
        elif match["rest"] and match["rest"] != "-":
            found.append(_Token(match["rest"]))
        if len(found) > MOST_TERMS:
            raise WorkbenchError(f"The filter has more than {MOST_TERMS} terms.", "", USAGE)
    return found


def _values(rest: str) -> list[str]:
    """Split at commas outside quotes and lists."""
    parts = re.findall(r'(?:"[^"]*"|\[[^\]]*\]|[^,"])+', rest)
    return [_unquoted(part) for part in parts] or [rest]


def _unquoted(text: str) -> str:
    return text.replace('"', "")
