"""docs/checks.md is what the `check` markers of the tests generate."""

from __future__ import annotations

from tests.checks_page import PAGE, checks, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "Run `python -m tests.checks_page`."


def test_claims_are_short_sentences() -> None:
    found = list(checks())
    assert len(found) > 140
    assert [claim for _, claim, _, _ in found if len(claim.split()) > 25 or not claim.endswith(".")] == []
