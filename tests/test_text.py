"""Control bytes never reach a terminal."""

import math

from hypothesis import given
from hypothesis import strategies as st

from workbench.text import ago, format_bytes, format_duration, safe_text


def test_escape_sequences_become_visible():
    assert safe_text("\x1b[31mred\x1b]52;c;aGk=\x07") == "␛[31mred␛]52;c;aGk=␇"


def test_c1_bidi_and_surrogates_are_replaced():
    assert safe_text("a\x9b31m\u202eb\ufeff\udc80") == "a�31m�b��"


def test_newlines_and_tabs_stay_unless_one_line_is_wanted():
    assert safe_text("a\n\tb\rc") == "a\n\tb␍c"
    assert safe_text("a\n\tb", one_line=True) == "a␊␉b"


def test_ordinary_text_is_untouched():
    text = "名前 ± σ² – β-VAE 👩‍🔬 [/red]"
    assert safe_text(text) == text


def test_the_cap_counts_the_ellipsis():
    assert safe_text("abcdef", 4) == "abc…"
    assert safe_text("abcd", 4) == "abcd"
    assert safe_text("abc", 0) == ""


@given(st.text(), st.integers(0, 50))
def test_the_result_is_printable_and_short_enough(text, limit):
    result = safe_text(text, limit, one_line=True)
    assert len(result) <= limit
    result.encode("utf-8")
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in result)


def test_lengths_of_time_have_two_units_at_most():
    given = (0, 59.9, 61, 7500, 90000, -3)
    assert [format_duration(s) for s in given] == ["0s", "59s", "1m 01s", "2h 05m", "1d 1h", "0s"]
    assert format_duration(None) == format_duration(math.inf) == format_duration(math.nan) == ""


def test_an_unknown_time_is_no_time_ago() -> None:
    assert ago(None) == ""


def test_bytes_are_short():
    sizes = (0, 1023, 1024, 3_400_000, 15 << 30, 3 << 40)
    assert [*map(format_bytes, sizes)] == ["0 B", "1023 B", "1.0 KiB", "3.2 MiB", "15 GiB", "3072 GiB"]
