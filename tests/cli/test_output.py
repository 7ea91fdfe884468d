"""Tables are aligned, JSON is strict, nothing steers the terminal."""

import json
import math
from pathlib import Path

from workbench.cli.output import out, out_json, out_json_list, out_table, run_json
from workbench.spec.health import Health
from workbench.store.run_row import RunRow


def test_columns_align_with_wide_characters_and_numbers_to_the_right(capsys):
    out_table(("NAME", "N", "X"), [("名前", 5, "a"), ("ab", 10, "\x1b[2J")])
    assert capsys.readouterr().out == "NAME   N  X\n名前   5  a\nab    10  ␛[2J\n"


def test_json_is_ascii_and_has_no_nan(capsys):
    row = RunRow("r", "é\x9b", "vae", "digits", "queued", summary={"loss": (math.nan, 1.0)})
    out_json([row])
    text = capsys.readouterr().out
    assert text.isascii() and "NaN" not in text
    (back,) = json.loads(text)
    assert back["name"] == "é\x9b" and back["summary"] == {"loss": [None, 1.0]}


def test_text_is_made_harmless(capsys):
    out("a\x1b]0;title\x07\tb\nc")
    out("a\nb" + "c" * 600, one_line=True)
    multiline, line = capsys.readouterr().out[:-1].rsplit("\n", 1)
    assert multiline == "a␛]0;title␇ b\nc" and line.startswith("a␊b") and len(line) == 500


def test_a_list_is_written_element_by_element(capsys):
    row = RunRow("r", "é", "vae", "digits", "queued", health=(Health("healthy", ("a",)),))
    written = []

    def values():
        for loss in (0.5, math.nan):
            yield run_json(row) | {"summary": {"loss": (loss,)}, "path": Path("p")}
            written.append(capsys.readouterr().out)

    out_json_list(values())
    text = "".join([*written, capsys.readouterr().out])
    assert written[0].count("\n") == 1 and text.isascii()  # the first is out before the second is made
    first, second = json.loads(text)
    assert first["summary"] == {"loss": [0.5]} and second["summary"] == {"loss": [None]}
    assert first["health"] == [{"verdict": "healthy", "reasons": ["a"]}] and first["path"] == "p"
    out_json_list(iter(()))
    assert json.loads(capsys.readouterr().out) == []
