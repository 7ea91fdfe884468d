"""--set and --grid: TOML values, bare words allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.spec.overrides import apply, parse_set, parse_value, parse_values, toml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("training.lr=1e-4", 1e-4),
        ("training.epochs=3", 3),
        ("model.metropolis=false", False),
        ("model.encoder=[64, 64]", [64, 64]),
        ("data.name=mnist", "mnist"),
        ('data.name="mnist"', "mnist"),
        ("resources.device=cuda:0", "cuda:0"),
        ("name=a=b", "a=b"),
        ("training.epochs=", None),
    ],
)
def test_values(text, value):
    override = parse_set(text)
    assert override.value == value
    assert type(override.value) is type(value)


@pytest.mark.parametrize("text", ["", "lr", "=1", "a b=1", "a..b=1", ".a=1", "a.b.c.d.e=1", "a\nb=1"])
def test_malformed(text):
    with pytest.raises(WorkbenchError, match="not of the form"):
        parse_set(text)


def test_a_second_line_cannot_smuggle_in_another_key():
    assert parse_value("1\nother = 2") == "1\nother = 2"


def test_setting_one_length_drops_the_other():
    table = {"training": {"iterations": 100, "lr": 1e-3}}
    assert apply(table, [parse_set("training.epochs=3")]) == {"training": {"epochs": 3, "lr": 1e-3}}
    both = apply(table, [parse_set("training.epochs=3"), parse_set("training.iterations=5")])
    assert both["training"]["epochs"] == 3  # kept, so that validation can refuse it
    assert table == {"training": {"iterations": 100, "lr": 1e-3}}


def test_later_overrides_win_and_an_empty_one_restores_the_default():
    table = apply({}, [parse_set("training.lr=1"), parse_set("training.lr=2")])
    assert table["training"]["lr"] == 2
    assert apply(table, [parse_set("training.lr=")]) == {"training": {}}


def test_lists_of_values():
    assert [o.value for o in parse_values("model.encoder=[64],[64, 64]", "--grid")] == [[64], [64, 64]]
    assert [o.value for o in parse_values("data.name=mnist, digits", "--grid")] == ["mnist", "digits"]
    assert [o.value for o in parse_values("a.x=1,1", "--zip", repeats=True)] == [1, 1]


@given(
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=30)
    | st.lists(st.integers(-9, 9), max_size=4)
)
def test_what_a_form_shows_reads_back_as_the_same_value(value):
    shown = toml_text(value)
    if isinstance(value, str) and ("\n" in value or "\r" in value):
        return  # a form's line cannot hold them
    assert parse_value(shown) == value
    assert type(parse_value(shown)) is type(value)
