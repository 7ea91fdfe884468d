"""How numbers are written into cells, and which of them are marked."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.results.export import export
from workbench.results.table import Cell, Column, Table, exact_cell, mark_best, number_cell, text_cell


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0270, 0.0274, 0.0266], "0.02700 ± 0.00040"),
        ([123456.7, 123450.1], "123453.4 ± 4.7"),
        ([1.2345678e-7, 1.24e-7], "(1.2373 ± 0.0038)e-07"),
        ([1e300, 2e300], "(1.50 ± 0.71)e+300"),
        ([-1.38, -1.40, -1.40], "-1.393 ± 0.012"),
        ([99.96, 100.05], "100.005 ± 0.064"),
        ([0.5, 0.5, 0.5], "0.5000 ± 0"),
        ([0.0, 0.0], "0.000 ± 0"),
        ([0.5, 0.5 + 1e-10], "0.500000000 ± 7.1e-11"),
        ([24.1234567], "24.12"),
        ([1.0, None, 3.0], "2.0 ± 1.4 (n=2)"),
        ([None, math.nan], "–"),
        ([], "–"),
    ],
)
def test_numbers_keep_two_digits_of_their_spread(values: list[float | None], text: str) -> None:
    assert number_cell(values, usual_n=len(values)).text == text


def test_the_standard_error_speaks_only_where_one_seed_leaves_no_spread() -> None:
    assert number_cell([24.1], usual_n=1, se=0.2).text == "24.10 (SE 0.20)"
    assert number_cell([24.1, None], usual_n=2, se=0.2).text == "24.10 (SE 0.20, n=1)"
    assert number_cell([24.1, 24.3], se=0.2).se is None
    assert number_cell([24.1], se=math.nan).text == "24.10"


def test_a_cell_keeps_the_values_behind_it() -> None:
    cell = number_cell([1.0, None, 3.0])
    assert (cell.mean, cell.n, cell.missing, cell.values) == (2.0, 2, 1, (1.0, None, 3.0))


def test_the_best_is_marked_and_the_rest_tested_against_it() -> None:
    cells = [number_cell(v) for v in ([1.0, 1.1, 1.2], [1.05, 1.15, 1.25], [9.0, 9.1, 9.2], [0.5, None])]
    best, alike, worse, single = mark_best(cells, "lower", ["digits"] * 3 + [None])
    assert best.best and best.p is None
    assert alike.alike and alike.text == "1.15 ± 0.10 ≈"
    assert worse.p < 0.05 and worse.text == "9.10 ± 0.10"
    assert not single.best  # a class of None is never compared


def test_only_equal_classes_are_compared_and_nothing_without_direction() -> None:
    cells = [number_cell([k, k + 0.1]) for k in (1.0, 2.0, 5.0, 6.0)]
    marked = mark_best(cells, "lower", ["digits", "digits", "mnist", "mnist"])
    assert [cell.best for cell in marked] == [True, False, True, False]
    assert mark_best(cells, "", ["x"] * 4) == cells


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells, the table 2 columns"):
        Table("t", (Column("a", "a"), Column("b", "b")), ((Cell(),),))


def test_columns_by_key_and_headings_with_units() -> None:
    table = Table("t", (Column("a", "MSE", "data units²"),), ((text_cell("x"),), (text_cell(""),)))
    assert table.columns[0].heading == "MSE (data units²)"
    assert [cell.text for cell in table.column("a")] == ["x", "–"]
    with pytest.raises(KeyError):
        table.column("b")


def test_settings_are_written_as_they_are() -> None:
    assert exact_cell(1e-4).text == "0.0001"
    assert exact_cell(12).text == "12"
    assert exact_cell(math.inf).kind == "text"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.floats(width=64)), max_size=4), min_size=1, max_size=4))
def test_any_numbers_can_be_shown_ranked_and_exported(rows: list[list[float | None]]) -> None:
    cells = mark_best([number_cell(values, usual_n=3, se=0.1) for values in rows], "lower", ["x"] * len(rows))
    table = Table("t", (Column("a", "a"),), tuple((cell,) for cell in cells))
    for cell, values in zip(cells, rows, strict=True):
        assert cell.n + cell.missing == len(values)
        assert (cell.text == "–") == (cell.n == 0)
        assert "nan" not in cell.text and "inf" not in cell.text
    assert sum(cell.best for cell in cells) <= 1
    for form in ("csv", "md", "latex", "json"):
        export(table, form).encode()
    for row in json.loads(export(table, "json"))["rows"]:
        assert row["a"]["p"] is None or 0 <= row["a"]["p"] <= 1


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_the_text_rounds_the_number_it_shows(centre: float, spread: float) -> None:
    cell = number_cell([centre - spread, centre, centre + spread])
    shown = (cell.mean, cell.std) if "e" in cell.text else cell.text.split(" ± ")
    mean, std = map(float, shown)
    assert mean == pytest.approx(cell.mean, abs=cell.std / 20 + 1e-9)
    assert std == pytest.approx(cell.std, rel=0.051)
