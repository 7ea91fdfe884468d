"""Hand-written files are read within limits, and faults are reported with file and line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.toml import MAX_BYTES, key_lines, parse_toml, read_toml


def fault(path: Path) -> str:
    with pytest.raises(WorkbenchError) as caught:
        read_toml(path)
    return str(caught.value)


def test_syntax_error_names_the_line(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('title = "a"\n[model\nkind = 3\n')
    assert ":2: not valid TOML" in fault(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = [[[[[[[[[[[1]]]]]]]]]]]", "nested too deeply"),
        (b".".join([b"a"] * 2000) + b" = 1", "nested too deeply"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MiB"),
        (b"title = 'a'\ntitle2 = '\xff'", ":2: not UTF-8"),
        (b"a = 1" + b"0" * 5000, "not valid TOML"),
        (b"a = '\x00'", "not valid TOML"),
    ],
    ids=["brackets", "lists", "dots", "size", "latin-1", "digits", "null"],
)
def test_hostile_files_are_refused_in_one_sentence(tmp_path, body, words):
    path = tmp_path / "x.toml"
    path.write_bytes(body)
    assert words in fault(path)


def test_missing_file_folder_and_fifo(tmp_path):
    import os

    os.mkfifo(tmp_path / "fifo.toml")  # opening it would block
    for path in (tmp_path / "no.toml", tmp_path, tmp_path / "fifo.toml", tmp_path / "a\0b"):
        assert "no such file" in fault(path) or "cannot be read" in fault(path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbftitle = 'a'")
    assert read_toml(path).table == {"title": "a"}


def test_lines_of_keys_sections_and_dotted_keys():
    text = 'title = "a"\nnote = """\n[model]\nkind = 1\n"""\n'
    text += '[model]\nlatent = [\n  2,\n]\n[training]\nx."y z".w = 1\n'
    lines = key_lines(text)
    assert lines[("title",)] == 1
    assert lines[("model",)] == 6
    assert lines[("model", "latent")] == 7
    assert ("model", "kind") not in lines
    assert lines[("training", "x", "y z", "w")] == 11
    assert lines[("training", "x")] == 11


def test_an_unknown_key_falls_back_to_its_section():
    document = parse_toml("[training]\nlr = 1.0\n", "x.toml")
    assert document.where("training", "epochs") == "x.toml:1"
    assert document.where("model") == "x.toml"


@settings(max_examples=100)
@given(st.text(max_size=200) | st.text(alphabet='a.=[]{}"\n#1 ', max_size=80))
def test_any_text_gives_a_table_or_a_workbench_error(text):
    try:
        document = parse_toml(text, "x.toml")
    except WorkbenchError as error:
        assert str(error).startswith("x.toml")
    else:
        assert document.where("a", "b").startswith("x.toml")


@pytest.mark.timeout(10)  # the parser alone takes time with the square of the parts
@pytest.mark.parametrize("text", ["a" + ".a" * 100_000 + " = 1", "x = {" + "a. " * 100_000 + "a = 1}"])
def test_a_key_of_thousands_of_parts_is_refused_at_once(text):
    with pytest.raises(WorkbenchError, match="nested too deeply"):
        parse_toml(text, "x.toml")
