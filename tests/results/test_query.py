"""The filter line: what it finds, and what it refuses in one sentence."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, ClassVar

import pytest

from tests.stores import row
from workbench.errors import WorkbenchError
from workbench.results.fields import NUMBERS, TIMES, WORDS, metric_mean
from workbench.results.query import filter_rows, sort_rows

STUDY = {"study": "starter", "study_id": "s-1"}
ROWS = [
    row("a", tags=("paper", "old one"), summary={"test_mse": (0.02, 0.04)}, seeds=(0, 1), created=1e9),
    row("b", kind="lae", data="mnist", state="running", summary={}, note="Langevin step too large"),
    row("c", kind="lae", summary={"test_mse": (0.01, None, math.nan), "score": (5.0,)}, seeds=(0, 1, 2)),
    row("d", kind="lebm", data="moons", state="failed", failure="out-of-memory", **STUDY),
]


class Details:
    """Settings, an estimate and the end of a curve, as the index has them."""

    columns: ClassVar[dict[str, dict[str, Any]]] = {
        "model.latent": {"a": 8, "b": 8, "c": 2},
        "model.lr": {"c": 0.1},
        "training.lr": {"a": 0.01, "b": 1e-3},
        "model.encoder": {"a": "[300,300]", "b": "[300]"},
        "model.activation": {"a": "relu", "b": "softplus"},
        "model.whiten": {"b": 1, "c": 0},
        "ais": {"a": -91.5},
        "nelbo": {"b": 99.0},
        "nelbo.test": {"b": 101.0},
    }

    def settings(self, key: str) -> dict[str, Any]:
        return self.columns.get(key, {})

    def numbers(self, key: str) -> dict[str, float]:
        return self.columns.get(key, {})

    def detail_keys(self) -> list[str]:
        return list(self.columns)


class OneRate(Details):
    columns: ClassVar[dict[str, dict[str, Any]]] = {"training.lr": {"a": 0.01, "b": 1e-3}}


ONE_LR = OneRate()


def found(text: str) -> str:
    return "".join(r.id for r in filter_rows(ROWS, text, Details()))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcd"),
        ("   ", "abcd"),
        ("state:finished", "ac"),
        ("state:fin", "ac"),
        ("STATE:Finished", "ac"),
        ("model:vae,lebm", "ad"),
        ("model:l*e", "bcd"),
        ("model=l", ""),
        ("model=lae", "bc"),
        ("model!=lae", "ad"),
        ("data:digits -model:vae", "c"),
        ("-data:digits", "bd"),
        ("langevin", "b"),
        ("Langevin large", "b"),
        ("langevin small", ""),
        ('"step too"', "b"),
        ('-"step too"', "acd"),
        ('tag:"old one"', "a"),
        ("tag:paper,nothing", "a"),
        ("-tag:paper", "bcd"),
        ("study:s-1", "d"),
        ("failure:memory", "d"),
        ("test_mse<0.03", "c"),
        ("test_mse<=0.03", "ac"),
        ("test_mse>0.01", "a"),
        ("test_mse>=0", "ac"),
        ("-test_mse<0.03", "abd"),
        ("score=5", "c"),
        ("score!=5", ""),
        ("seeds>=2", "ac"),
        ("seeds=1,3", "bcd"),
        ("seeds:2", "a"),
        ("seed:1", "ac"),
        ("seed:2,7", "c"),
        ("-seed:0", ""),
        ("seed!=1", "bd"),
        ("created>=2001-01-01", "a"),
        (f"created:{datetime.fromtimestamp(1e9).date().isoformat()}", "a"),
        (f"created>{datetime.fromtimestamp(1e9).date().isoformat()}", ""),
        ("kind:lae state:running", "b"),
        ("-", "abcd"),
        ("name:[", ""),
        ("model:vae or model:lebm", "ad"),
        ("model:lae data:mnist or model:vae", "ab"),
        ("model:lae (data:mnist or test_mse<0.02)", "bc"),
        ("-(model:lae or model:vae)", "d"),
        ("not (model:lae data:mnist)", "acd"),
        ("not not model:vae", "a"),
        ('"or"', ""),
        ("created<1h", ""),
        ("created>52w", "abcd"),
        ("note:l*step*large", "b"),
        ("note:large*step", ""),
        ("latent=8", "ab"),
        ("model.latent=8.0", "ab"),
        ("model.latent=2,8", "abc"),
        ("model.latent>2", "ab"),
        ("model.latent!=8", "c"),
        ("training.lr<2e-3 model:lae", "b"),
        ("encoder=[300,300]", "a"),
        ("encoder:300", "ab"),
        ("activation=RELU,elu", "a"),
        ("whiten=true", "b"),
        ("ais<-90", "a"),
        ("nelbo<100", "b"),
        ("nelbo.test>100", "b"),
    ],
)
def test_what_a_filter_finds(text: str, ids: str) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stat:finished", "no field, setting or metric 'stat'. Did you mean 'state'?"),
        ("test_mze<1", "Did you mean 'test_mse'?"),
        ("scor<1", "Did you mean 'score'?"),
        ("state:finshed", "There is no state 'finshed'. Did you mean 'finished'?"),
        ("state:zzz", "There are queued, starting"),
        ("seeds>many", "'seeds' is a number, not 'many'"),
        ("test_mse<nan", "is a number, not 'nan'"),
        ("created>yesterday", "'created' is a date, not 'yesterday'"),
        ("seeds>=", "'seeds>=' lacks a value"),
        ("model<3", "'model' is a word and has no order"),
        ("seeds<1,2", "takes one value"),
        ('a "b', "open quote"),
        ("(", "open bracket"),
        ("model:vae)", "closes a bracket"),
        ("or model:vae", "one side of 'or'"),
        ("model:vae not", "nothing after 'not'"),
        ("(" * 30 + "a" + ")" * 30, "more than 20 brackets"),
        ("model.latnt=8", "Did you mean 'model.latent'?"),
        ("lr=1", "'lr' may be model.lr or training.lr"),
        ("activation<3", "'activation' is a word and has no order"),
        ("model.latent>many", "is a number, not 'many'"),
        ("created=2h", "Write created<2h or created>2h"),
        ("a " * 3000, "longer than 4000"),
        ("http://x", 'Quotes look for the text itself: "http"'),
    ],
)
def test_what_a_filter_refuses(text: str, words: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        found(text)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_sorting_puts_runs_without_a_value_last_either_way() -> None:
    assert "".join(r.id for r in sort_rows(ROWS, "test_mse")) == "cabd"
    assert "".join(r.id for r in sort_rows(ROWS, "test_mse", reverse=True)) == "acbd"
    assert "".join(r.id for r in sort_rows(ROWS, "tag")) == "abcd"
    assert "".join(r.id for r in sort_rows(ROWS, "seeds", reverse=True)) == "cabd"
    assert "".join(r.id for r in sort_rows(ROWS, "model")) == "bcda"


def test_a_final_metric_that_every_run_has_is_filtered_without_reading_files() -> None:
    class Unread(Details):
        def numbers(self, key: str) -> dict[str, float]:
            raise AssertionError("read")

        def detail_keys(self) -> list[str]:
            raise AssertionError("read")

    finished = [ROWS[0], ROWS[2]]
    assert [r.id for r in filter_rows(finished, "test_mse<0.02 or -test_mse<1", Unread())] == ["c"]


def test_settings_sort_too() -> None:
    assert "".join(r.id for r in sort_rows(ROWS, "lr", details=ONE_LR)) == "bacd"
    assert "".join(r.id for r in sort_rows(ROWS, "model.activation", details=Details())) == "abcd"


@pytest.mark.parametrize("pattern", ["*" * 60 + "z", "a*" * 60 + "z", "[" * 3000])
def test_no_pattern_backtracks(pattern: str) -> None:
    """A matcher that tries every division of the text among the stars would not end here."""
    assert filter_rows([row("x", note="a" * 10_000)], f"note:{pattern}") == []


def test_every_field_and_metric_sorts() -> None:
    for key in [*WORDS, *NUMBERS, *TIMES, "test_mse", "score"]:
        assert len(sort_rows(ROWS, key)) == len(ROWS)
    with pytest.raises(WorkbenchError, match="Did you mean 'created'"):
        sort_rows(ROWS, "craeted")


def test_a_metric_is_its_mean_over_the_seeds_that_are_finite() -> None:
    assert metric_mean(ROWS[0], "test_mse") == pytest.approx(0.03)
    assert metric_mean(ROWS[2], "test_mse") == 0.01
    assert metric_mean(ROWS[1], "test_mse") is None
