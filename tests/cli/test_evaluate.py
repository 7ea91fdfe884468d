"""`workbench evaluate` and where its results turn up."""

import json

import pytest

from tests.stores import record_evaluation
from workbench.errors import NOT_FOUND, USAGE
from workbench.store.paths import StorePaths

VAE = "20261121-100000-vae-digits-aaaa"


def test_what_there_is_to_measure(cli):
    listed = cli("evaluate")
    assert listed.code == 0 and "temperatures=500" in listed.out
    assert json.loads(cli("evaluate", "--json").out)["ais"]["settings"]["chains"]["default"] == 8


def test_show_and_export_know_evaluations(cli, store):
    own = {"units": {"ais": "nats per example"}, "notes": ["No gap.\x1b[2J"], "seconds": 75.0}
    record_evaluation(StorePaths(store).run(VAE), **own)
    shown = cli("runs", "show", "aaaa").out
    assert "AIS log p(x)" in shown
    assert "-91.0 ± 1.0 nats per example  [3 seeds, n=500, SE of one 0.5]" in shown
    assert "took 1m 15s" in shown and "  No gap." in shown
    (found,) = json.loads(cli("runs", "show", "aaaa", "--json").out)["evaluations"]
    assert found["metrics"]["ais"]["values"] == [-90.0, -91.0, -92.0]
    assert "−91.0" in cli("export", "all", "--metric", "ais").out.replace("-91.0", "−91.0")
    assert cli("export", "all", "--metric", "sliced-w2").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["aaaa"], USAGE, "--metric"),
        (["--metric", "ais"], USAGE, "no run given"),
        (["aaaa", "--metric", "aiss"], NOT_FOUND, "Did you mean 'ais'?"),
    ],
)
def test_bad_input(cli, store, arguments, code, words):
    """What else can be wrong is tested in tests/api/test_evaluations.py."""
    answer = cli("evaluate", *arguments)
    assert answer.code == code and words in answer.err and answer.err.count("\n") == 1
