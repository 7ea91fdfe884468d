"""Curves as plain characters."""

from workbench.errors import NOT_FOUND


def test_a_curve_fits_the_size_asked_for(cli, store):
    answer = cli("plot", "bbbb", "acceptance", "--width", "60", "--height", "12")
    lines = answer.out.splitlines()
    assert answer.code == 0 and 8 <= len(lines) <= 14 and max(map(len, lines)) <= 60
    assert "\x1b" not in answer.out
    assert cli("plot", "bbbb", "loss", "--width", "60", "--ascii").out.isascii()
    assert cli("--ascii", "plot", "bbbb", "loss", "--width", "60", "--log").out.isascii()


def test_misspelt_metric(cli, store):
    answer = cli("plot", "bbbb", "acceptanc")
    assert answer.code == NOT_FOUND and "acceptance" in answer.err and answer.err.count("\n") == 1
