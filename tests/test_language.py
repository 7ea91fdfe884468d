"""Plain English: words that docs, strings, comments and presets avoid, and the length of sentences in docs.

A failure lists `file:line: word`. Reword the sentence; ALLOWED is for phrases that are right as they are.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from statistics import median

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# docs/results/studies holds tables as their command prints them, with notes for each number
WRITTEN = [page for page in DOCS if page.parent.name != "studies"]
PACKAGE = sorted((ROOT / "workbench").rglob("*.py"))
PRESETS = sorted((ROOT / "presets").rglob("*.toml"))
FORBIDDEN = (
    "tell|tells|telling|told",  # report, show; distinguish
    "mend|mends|mended|mending",  # fix
    "stand|stands|standing|stood",  # is, means
    "go on|goes on|going on|gone on|went on",  # continue
    "nobody|somebody|whoever",  # no process, another user, the reader
    "the other way|other way round",  # in reverse order
    "who looks|what there is|what there are",
    "is to be had|are to be had|nothing to be had",
    "like --set",
    "foresaw|foreseen|unforeseen",  # unexpected
    "past the queue",  # bypassing the queue
    "marks away|mark away",  # clear marks
)
ALLOWED: tuple[str, ...] = ()
WORD = re.compile(r"(?<!\w)(?:" + "|".join(FORBIDDEN).replace(" ", r"\s+") + r")(?!\w)", re.IGNORECASE)
PERMITTED = re.compile("|".join(map(re.escape, ALLOWED)) or r"(?!)", re.IGNORECASE)

MEDIAN, NINTH_DECILE = 16, 25  # words of a sentence
SENTENCE_END = re.compile(r"(?<=[.!?])[)\"”]*\s+(?=[^\sa-z\d])")  # "et al. 2014" does not end one
INSTEAD = {"softbreak": "\n", "hardbreak": "\n", "code_inline": "`code`"}  # of parts of a paragraph

Text = tuple[int, str]  # line of its beginning, text


def prose(page: Path) -> Iterator[tuple[str, Text]]:
    """Yield (kind of block, text) of a Markdown page without its code; inline code becomes one word."""
    kind, line = "paragraph", 0
    for token in MarkdownIt().enable("table").parse(page.read_text()):
        line = token.map[0] + 1 if token.map else line
        if token.type in ("heading_open", "td_open", "th_open", "paragraph_open"):
            kind = token.type.removesuffix("_open")
        elif token.type == "inline":
            parts = [INSTEAD.get(part.type, part.content) for part in token.children or []]
            yield kind, (line, "".join(parts))


def strings(module: Path) -> Iterator[Text]:
    """Yield the string constants and parts of f-strings with more than one word, docstrings included."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


def comments(module: Path) -> Iterator[Text]:
    """Yield the comments of a module; only where its text has a word, since the tokenizer is slow."""
    if WORD.search(module.read_text()):
        with module.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT:
                    yield token.start[0], token.string


def words(path: Path, texts: Iterator[Text]) -> list[str]:
    """Return `file:line: word` for each forbidden word."""
    found = []
    for first_line, text in texts:
        text = PERMITTED.sub("", text)
        for match in WORD.finditer(text):
            line = first_line + text.count("\n", 0, match.start())
            found.append(f"{path.relative_to(ROOT)}:{line}: {' '.join(match[0].split())}")
    return found


def report(found: list[str]) -> None:
    if found:
        pytest.fail(f"{len(found)} words to avoid:\n" + "\n".join(found), pytrace=False)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_docs_avoid_the_words(page: Path) -> None:
    report(words(page, (text for _, text in prose(page))))


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_of_docs_are_short(page: Path) -> None:
    found = [
        (sum(any(map(str.isalnum, word)) for word in sentence.split()), line, sentence)
        for kind, (line, text) in prose(page)
        if kind == "paragraph"
        for sentence in SENTENCE_END.split(text)
    ]
    lengths = sorted(length for length, _, _ in found)
    middle, long = median(lengths), lengths[ceil(0.9 * len(lengths)) - 1]
    longest = "\n".join(
        f"{page.name}:{line}: {n} words: {text[:60]!r}" for n, line, text in sorted(found)[-8:]
    )
    if middle > MEDIAN or long > NINTH_DECILE:
        pytest.fail(f"median {middle}, 90th percentile {long} words; the longest:\n{longest}", pytrace=False)


def test_strings_of_the_package_avoid_the_words() -> None:
    report([word for module in PACKAGE for word in words(module, strings(module))])


def test_comments_of_the_package_avoid_the_words() -> None:
    report([word for module in PACKAGE for word in words(module, comments(module))])


def test_presets_avoid_the_words() -> None:
    """Their comments too: they are read as much as titles and descriptions."""
    report([word for preset in PRESETS for word in words(preset, iter([(1, preset.read_text())]))])


def test_the_words_are_found_where_they_are() -> None:
    page = ROOT / "page.md"
    assert words(page, iter([(3, "A standard\ntold_off `x`. It goes\non.")])) == ["page.md:4: goes on"]
