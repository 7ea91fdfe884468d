"""Exports are pinned byte for byte, agree with each other, and hold nothing that a program would execute.

`python -m tests.results.test_export` rewrites the golden files after a change that is meant.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from workbench.errors import WorkbenchError
from workbench.results.export import export, export_bytes, format_of
from workbench.results.table import (
    Column,
    Table,
    clean,
    exact_cell,
    mark_best,
    number_cell,
    spread_cell,
    text_cell,
)

GOLDEN = Path(__file__).parents[1] / "golden"
SUFFIXES = {"csv": "csv", "tsv": "tsv", "md": "md", "latex": "tex", "html": "html", "json": "json"}
FILES = {form: f"table.{suffix}" for form, suffix in SUFFIXES.items()}
SIUNITX = GOLDEN / "table.siunitx.tex"

HTML_TAGS = ("table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li")
HOSTILE = [
    "=HYPERLINK(0)",
    "+1+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝HYPERLINK(0)",
    "＠SUM(A1)",
    "a|b`c`\nd<script>e</script>",
    "<img onerror=x>",
    "\\input{/etc/passwd}",
    "\\write18{id}",
    "100% _a_ & $x$ #1 {y} ~ ^ [z] \"q\" 'r'",
    "\x1b]52;c;AAAA\x07\x1b[2J\x9b31m",
    "ab\u202ecd\ufeff\u200b\ud800",
    "名前",
    "e\u0301",
    "",
]


def example() -> Table:
    """Three families with a best one, a diverged seed, a single seed, a missing column and odd names."""
    mse = mark_best(
        [
            number_cell([0.0270, 0.0274, 0.0266], usual_n=3),
            number_cell([0.0275, 0.0271, None], usual_n=2),
            number_cell([0.0401], usual_n=1, se=0.0021),
            number_cell([], usual_n=0),
        ],
        "lower",
        ["digits"] * 4,
    )
    bound = [number_cell([-1.386, -1.391, -1.4], usual_n=3), *(number_cell([]) for _ in range(3))]
    tiny = [number_cell([1.2345678e-7, 1.24e-7, 1.25e-7], usual_n=3), *(number_cell([]) for _ in range(3))]
    null = [spread_cell(0.0001, 0.0016, 200) for _ in range(4)]
    words = [("VAE", "vae-digits"), ("LAE", "a|b_c"), ("50% & <b>", "=1+1"), ("LEBM", "")]
    rows = tuple(
        (text_cell(a), text_cell(b), exact_cell(1e-3), *cells)
        for (a, b), *cells in zip(words, mse, bound, tiny, null, strict=True)
    )
    columns = (
        Column("model", "model"),
        Column("name", "runs"),
        Column("training.lr", "training.lr", exact=True),
        Column("test_mse", "reconstruction MSE", "data units² per dimension", "lower"),
        Column("log_px", "mean log p(x)", "nats per example", "higher"),
        Column("eta", "step size η"),
        Column("null", "real-vs-real null", "data units"),
    )
    notes = (
        "Mean ± sample standard deviation over seeds.",
        "–: LEBM has no bound: f_θ is [unnormalised] | *so*.",
    )
    sources = (("run-1", "run-2"), ("run-3",), ("run-4",), ())
    return Table("Comparison on digits_8×8", columns, rows, notes, sources)


def words(texts: list[str]) -> Table:
    return Table(texts[0], (Column("t", texts[0]),), tuple((text_cell(t),) for t in texts), tuple(texts))


@pytest.mark.parametrize("form", FILES)
def test_golden_bytes(form: str) -> None:
    assert export(example(), form).encode() == (GOLDEN / FILES[form]).read_bytes()


def test_golden_bytes_with_siunitx() -> None:
    assert export(example(), "latex", siunitx=True) == SIUNITX.read_text()


def read_parquet(body: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(body)).to_pylist()
    return rows


def test_parquet_has_the_columns_and_values_of_csv() -> None:
    table = example()
    rows = read_parquet(export_bytes(table, "parquet"))
    lines = list(csv.DictReader(io.StringIO(export(table, "csv"))))
    assert [list(row) for row in rows] == [list(line) for line in lines]
    for row, line in zip(rows, lines, strict=True):
        for key, value in row.items():
            text = line[key].removeprefix("'")
            assert (float(text) == value) if isinstance(value, float | int) else (text == (value or ""))
    assert rows[0]["training.lr"] == 1e-3 and rows[0]["test_mse_n"] == 3 and rows[3]["test_mse_mean"] is None


def test_numbers_in_columns_of_siunitx_are_those_of_the_other_formats() -> None:
    table = example()
    body = export(table, "latex", siunitx=True)
    assert [[cell.replace(" +- ", " ± ") for cell in row] for row in read_latex(body)] == [
        [cell.text for cell in row] for row in table.rows
    ]
    assert read_latex(body, bold=True) == [[cell.best for cell in row] for row in table.rows]
    assert "S[table-format=1.5(2),table-space-text-post={ (SE 0.0021)}]" in body
    assert "S[table-format=-1.4(2)]" in body and "{$(1.24" not in body


@pytest.mark.parametrize("text", HOSTILE)
def test_text_in_parquet_is_one_line_without_control_characters(text: str) -> None:
    (row,) = read_parquet(export_bytes(words([text]), "parquet"))
    (value,) = row.values()
    assert value is None or not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\ufeff\ud800-\udfff]", value)
    assert value is None if not text else value == clean(text)


def test_all_formats_say_the_same_of_every_cell() -> None:
    table = example()
    shown = [[cell.text for cell in row] for row in table.rows]
    assert read_markdown(export(table, "md")) == shown
    assert read_latex(export(table, "latex")) == shown
    document = json.loads(export(table, "json"))
    assert [[row[c.key]["text"] for c in table.columns] for row in document["rows"]] == shown
    bold = [[cell.best for cell in row] for row in table.rows]
    assert sum(map(sum, bold)) == 1
    assert [[row[c.key].get("best", False) for c in table.columns] for row in document["rows"]] == bold
    assert read_markdown(export(table, "md"), bold=True) == bold
    assert read_latex(export(table, "latex"), bold=True) == bold
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in export(table, "html").splitlines()]
    cells = [row for row in cells if row]
    assert [[html.unescape(re.sub("</?b>", "", cell)) for cell in row] for row in cells] == shown
    assert [[cell.startswith("<b>") for cell in row] for row in cells] == bold
    assert export(table, "tsv").replace("\t", ",") == export(table, "csv")

    lines = list(csv.DictReader(io.StringIO(export(table, "csv"))))
    assert float(lines[0]["log_px_mean"]) == pytest.approx(-1.3923333)  # a number though it begins with "-"
    for line, row, entry in zip(lines, table.rows, document["rows"], strict=True):
        for column, cell in zip(table.columns, row, strict=True):
            if cell.kind == "text":
                assert (line[column.key].removeprefix("'") or "–") == cell.text
            elif column.exact:
                assert float(line[column.key]) == cell.mean == entry[column.key]["value"]
            else:
                for part in ("mean", "std", "se", "n"):
                    number = line[f"{column.key}_{part}"]
                    assert (float(number) if number else None) == entry[column.key][part]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", FILES)
def test_no_control_characters_and_no_broken_rows(form: str, text: str) -> None:
    body = export(words([text, "x"]), form)
    controls = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
    assert not re.search(controls, body)
    body.encode()
    assert body.endswith("\n")
    assert body.count("\n") == export(words(["x", "x"]), form).count("\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_leaves_its_cell_as_no_formula_no_command_and_no_html(text: str) -> None:
    for row in csv.reader(io.StringIO(export(words([text]), "csv"))):
        assert not row or not unicodedata.normalize("NFKC", row[0]).lstrip().startswith(("=", "+", "-", "@"))
    inside = export(words([text]), "latex").split(r"\midrule")[1].strip()
    line = inside.splitlines()[0].removesuffix(r" \\")
    if r"\raggedright" in line:  # in a group, or the row could not be ended after it
        assert line.startswith(r"{\raggedright ") and line.endswith(r"\par}")
        line = line.removeprefix(r"{\raggedright ").removesuffix(r"\par}")
    line = line.replace(r"\allowbreak{}", "")
    allowed = ["backslash", "asciitilde", "asciicircum", "less", "greater", "bar", "asciigrave"]
    assert set(re.findall(r"\\([A-Za-z]+)", line)) <= {"symbol", *(f"text{name}" for name in allowed)}
    assert not re.search(r"(?<!\\)[%$&#_~^]", line)
    tags = set(re.findall(r"<[^>]*>", export(words([text]), "html")))
    assert tags <= {f"<{end}{tag}>" for tag in HTML_TAGS for end in ("", "/")}
    body = export(words([text]), "md")
    assert not re.search(r"[<>]", body)
    row = body.splitlines()[4]
    assert len(re.findall(r"(?<!\\)\|", row)) == 2
    assert not re.search(r"(?<!\\)`", row)


def test_values_that_are_not_finite_are_null_in_json() -> None:
    table = Table("t", (Column("a", "a"),), ((number_cell([1.0, None]),),))
    cell = json.loads(export(table, "json"))["rows"][0]["a"]
    assert cell["values"] == [1.0, None]
    assert (cell["n"], cell["missing"], cell["std"], cell["ci95"]) == (1, 1, None, None)


def test_a_table_without_rows() -> None:
    table = Table("empty", (Column("a", "a"),), ())
    assert export(table, "csv") == "a\n"
    assert json.loads(export(table, "json"))["rows"] == []
    assert export(table, "md").splitlines()[2:] == ["| a   |", "| --- |"]
    assert r"\bottomrule" in export(table, "latex")


def test_formats_by_name_and_by_file_ending() -> None:
    with pytest.raises(WorkbenchError, match=r"no export format 'latx'\. Did you mean 'latex'"):
        export(example(), "latx")
    found = [format_of(Path(name)) for name in ("a.csv", "a.MD", "a.tex", "a.json", "a.xls", "a")]
    assert found == ["csv", "md", "latex", "json", None, None]


def read_markdown(body: str, *, bold: bool = False) -> list[list]:
    """Read our own Markdown back: the cells' words, or which are bold."""
    lines = [line for line in body.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    if bold:
        return [[cell.startswith("**") for cell in row] for row in cells]
    return [[html.unescape(re.sub(r"\\(.)", r"\1", cell.strip("*"))) for cell in row] for row in cells]


def read_latex(body: str, *, bold: bool = False, front: int = 3) -> list[list]:
    """Read our own LaTeX back: the cells' words, or which are bold; later tabulars repeat those in front."""
    rows: list[list[str]] = []
    for part in body.split(r"\midrule")[1:]:
        lines = part.split(r"\bottomrule")[0].strip().splitlines()
        cells = [re.split(r" (?<!\\)& ", line.strip().removesuffix(r" \\")) for line in lines]
        rows = [[*row, *more[front:]] for row, more in zip(rows, cells, strict=True)] if rows else cells
    if bold:
        return [[cell.startswith((r"\textbf{", r"\bfseries ")) for cell in row] for row in rows]
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: str) -> str:
    cell = cell.removeprefix(r"{\raggedright ").removesuffix(r"\par}").replace(r"\allowbreak{}", "")
    cell = re.sub(r"^\\textbf\{(.*)\}$", r"\1", cell).removeprefix(r"\bfseries ")
    cell = re.sub(r"^\{(.*)\}$|\{( .*)\}$", r"\1\2", cell)  # a cell or its end, which siunitx leaves alone
    cell = re.sub(r"\$\\times 10\^\{-(\d+)\}\$", lambda m: f"e-{int(m[1]):02d}", cell)
    swaps = {r"$\pm$": "±", r"$\approx$": "≈", "$-$": "-", "--": "–"}
    swaps |= {r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|"}
    for latex, text in swaps.items():
        cell = cell.replace(latex, text)
    return re.sub(r"\\([{}$&%#_])", r"\1", cell)


WIDE = [("VAE", "vae-digits latent=16 lr=3e-4 optimiser=sgd batch=128 beta=0.5"), ("LAE", "名前 é Łódź αβΩ")]


def wide(metrics: int) -> Table:
    """Return a table of three rows with long names and many columns."""
    columns = [Column("model", "model"), Column("name", "runs")]
    columns += [Column(f"m{k}", "energy distance", "data units² per dimension") for k in range(metrics)]
    cells = [number_cell([1234.5678 + k, 1236.0, 1238.0], usual_n=2) for k in range(metrics)]
    rows = tuple((text_cell(a), text_cell(b), *cells) for a, b in [*WIDE, ("50% & <b>", "x" * 60)])
    return Table("Wide", tuple(columns), rows, ("A note.",), (), "tab:wide")


@pytest.mark.parametrize("metrics", [1, 3, 7, 20])
def test_latex_keeps_within_the_text_width_by_its_own_measure(metrics: int) -> None:
    body = export(wide(metrics), "latex")
    assert body.count("energy distance") == metrics and r"\label{tab:wide}" in body
    assert body.count(r"\begin{tabular}{") == {1: 1, 3: 2, 7: 4, 20: 10}[metrics]
    assert "{[}U+540D{]}" in body and r"\'{e}" in body and r"\L{}\'{o}d\'{z}" in body and r"$\Omega$" in body


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("siunitx", [False, True])
@pytest.mark.parametrize("metrics", [0, 1, 3, 7, 20])
def test_pdflatex_sets_it_without_an_overfull_box(metrics: int, siunitx: bool, tmp_path: Path) -> None:
    if siunitx and not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False).stdout:
        pytest.skip("the LaTeX package siunitx is not installed")
    body = export(wide(metrics) if metrics else example(), "latex", siunitx=siunitx)
    (tmp_path / "table.tex").write_text(body)
    packages = ["booktabs", *["siunitx"] * siunitx]
    lines = [r"\documentclass{article}", *(rf"\usepackage{{{name}}}" for name in packages)]
    lines += [r"\begin{document}", r"\input{table}", r"\end{document}"]
    (tmp_path / "page.tex").write_text("\n".join(lines))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Overfull" not in done.stdout, done.stdout[-2000:]


if __name__ == "__main__":
    for form, name in FILES.items():
        (GOLDEN / name).write_text(export(example(), form))
    SIUNITX.write_text(export(example(), "latex", siunitx=True))
