"""Figures show the numbers that the runs stored, in the form that publishers ask for, whatever names are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tests.engine.small import finished, small_spec
from tests.stores import append_row, make_run, make_store
from workbench import api
from workbench.api.figures import Options, Subject, collect, draw, find_kind, groups_of, kinds_of
from workbench.api.stores import Store, open_store
from workbench.engine.estimates import measure
from workbench.errors import WorkbenchError
from workbench.figures import chains, curves, pictures, scatters, variance
from workbench.figures.style import characters, house_style, name
from workbench.spec.estimates import settings_from
from workbench.spec.resolve import parse_spec

FEW = {"tsne": ["images=40", "perplexity=5"], "interpolation": ["pairs=2", "steps=3"], "traces": ["steps=8"]}
FEW |= {"densities": ["draws=30"], "reconstructions": ["images=5"], "decoder-grid": ["points=4"]}
FEW |= {"thermodynamic": ["images=4", "temperatures=3", "steps=4"]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    root = make_store(tmp_path / "runs")
    make_run(root, "run-vae", kind="vae")
    return open_store(root)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A VAE with 2-d latents on digits, and an LEBM on points, with checkpoints."""
    store = open_store(make_store(tmp_path_factory.mktemp("figures") / "runs"))
    for family, change in (("vae", {"model": {"latent": 2}}), ("lebm", {})):
        finished(store.paths, small_spec(family, [0, 1], 30, **change))
    return store


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Estimates are made in this process, with few examples; yields their names."""
    made: list[str] = []

    def evaluate(store: Store, run_id: str, metric: str, sets: Any, on_line: Any) -> None:
        made.append(metric)
        paths = store.run(run_id)
        spec = parse_spec(paths.spec.read_text(), "spec.toml")
        measure(paths, spec, metric, settings_from(metric, [*FEW[metric], *sets]), metric)

    monkeypatch.setattr(api.figures, "evaluate", evaluate)
    yield made


def subjects(store: Store, *runs: str, kind: str = "curves", options: Options | None = None) -> list[Subject]:
    return collect(store, groups_of(store, runs[0], runs[1:]), find_kind(kind), options or Options())[0]


def drawn(function: Callable[..., Figure], *arguments: Any) -> Figure:
    with house_style():
        return function(*arguments)


def test_a_line_is_the_mean_over_seeds_and_the_band_their_standard_deviation(store: Store) -> None:
    figure = drawn(curves.curves, subjects(store, "run-vae"), Options())
    axes = figure.axes[0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]
    values = np.stack([np.array(row) for row in api.live.curves_of(live(store))["train:loss"].values])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), values.mean(0))
    outline = axes.collections[0].get_paths()[0].vertices
    low, high = values.mean(0) - values.std(0, ddof=1), values.mean(0) + values.std(0, ddof=1)
    np.testing.assert_allclose((outline[:, 1].min(), outline[:, 1].max()), (low.min(), high.max()))
    figure = drawn(curves.curves, subjects(store, "run-vae"), Options(band="range", split="test"))
    outline = figure.axes[0].collections[0].get_paths()[0].vertices
    tests = api.live.curves_of(live(store))["test:loss"].values
    np.testing.assert_allclose((outline[:, 1].min(), outline[:, 1].max()), (tests.min(), tests.max()))


def live(store: Store) -> api.live.LiveRun:
    found = api.live.LiveRun(store, "run-vae")
    found.poll()
    return found


def test_runs_of_one_configuration_are_one_line_over_all_their_seeds(store: Store) -> None:
    make_run(store.root, "run-more", kind="vae", seeds=(2, 3), created=1_795_271_999.0)
    assert len(groups_of(store, "run-vae", ["run-more"])) == 1
    (found,) = subjects(store, "run-vae", "run-more")
    series = found.curve("loss", "train")
    assert series.seeds == 4  # seed 2 was trained twice, and counts once: that of the newer run
    newer, older = (run.series("loss").values for run in found.runs)
    np.testing.assert_array_equal(series.values, np.concatenate([newer, older[:, :2]], 1))


def test_a_run_without_the_snapshot_hides_no_older_one_of_the_chosen_seed(store: Store) -> None:
    newer = make_run(store.root, "run-more", kind="vae", seeds=(7,), created=1_795_271_999.0)
    for path in newer.latents.glob("*.npz"):
        path.unlink()
    (found,) = subjects(store, "run-vae", "run-more", kind="latents", options=Options(seed=1))
    assert (found.shown.id, found.seed) == ("run-vae", 1) and len(found.runs) == 2


def test_unequal_steps_are_compared_where_all_have_them(store: Store) -> None:
    paths = store.run("run-vae")
    paths.metrics.unlink()
    other = make_run(store.root, "run-more", kind="vae", seeds=(7,), points=1)
    other.metrics.unlink()
    for step in (1, 2, 3, 4):
        append_row(paths, step, loss=[step, step, step])
    for step in (2, 4, 6):
        append_row(other, step, loss=[10 * step])
    (found,) = subjects(store, "run-vae", "run-more")
    series = found.curve("loss", "train")
    assert series.steps.tolist() == [2, 4] and sorted(series.values[1].tolist()) == [4, 4, 4, 40]


def test_points_keep_their_class_and_their_place(store: Store) -> None:
    (found,) = subjects(store, "run-vae", kind="latents", options=Options(seed=1))
    figure = drawn(scatters.latents, [found], Options(seed=1))
    snapshot = found.shown.latents()
    assert snapshot is not None and found.place == 1
    for label, cloud in enumerate(figure.axes[0].collections):
        expected = snapshot.z[1][snapshot.labels == label]
        np.testing.assert_allclose(np.asarray(cloud.get_offsets()), expected, rtol=1e-6)
    marks = {cloud.get_paths()[0].vertices.tobytes() for cloud in figure.axes[0].collections}
    assert len(marks) == 10  # classes can be told apart without colours


def test_pictures_lie_in_rows_with_white_between_them() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None].repeat(30, 1).repeat(40, 2)
    wall = pictures.mosaic(images, across=3)
    assert wall.shape == (61, 122)
    assert (wall[:30, 41:81] == 1).all() and (wall[31:, :40] == 3).all()
    assert (wall[30] == 255).all() and (wall[31:, 82:] == 255).all()
    small = pictures.mosaic(images[:, :8, :8], across=5)
    assert small.shape == (24, 5 * 25 - 1)  # larger pixels, the same picture
    both = pictures.paired(images, images + 100, across=5)
    assert (both[:30, :40] == 0).all() and (both[31:61, :40] == 100).all()


def test_a_metric_is_drawn_against_the_variance_of_the_same_steps(store: Store) -> None:
    paths = make_run(store.root, "run-lebm", kind="lebm")
    for step, noise, error in ((1000, 4.0, 0.5), (2000, 2.0, 0.25)):
        append_row(paths, step, "test", gradient_vanilla_generator_variance=[noise] * 3)
        append_row(paths, step, "test", sample_energy=[error, error, error])
    append_row(paths, 3000, "test", sample_energy=[0.1, 0.1, 0.1])
    chosen = subjects(store, "run-lebm", kind="metric-variance")
    line = drawn(variance.metric_variance, chosen, Options()).axes[0].lines[0]
    assert line.get_xdata().tolist() == [4.0, 2.0] and line.get_ydata().tolist() == [0.5, 0.25]
    lines = drawn(variance.gradient_variance, chosen, Options()).axes[0].lines
    assert [each.get_ydata().tolist() for each in lines] == [[4.0, 2.0]]


def test_the_integrand_has_its_error_or_the_spread_of_seeds(store: Store) -> None:
    (found,) = subjects(store, "run-vae")
    t = np.array([0.0, 0.125, 1.0])
    mean, error = np.array([[-9.0, -2.0, 1.0], [-7.0, -2.0, 2.0]]), np.full((2, 3), 0.1)
    for members, spread in ((1, [0.1] * 3), (2, [2**0.5, 0.0, 0.5**0.5])):
        arrays = {"temperatures": t, "mean": mean[:members], "error": error[:members]}
        figure = drawn(curves.integrand, [replace(found, arrays=arrays)], Options())
        bars = figure.axes[0].containers[0]
        np.testing.assert_allclose(bars[0].get_ydata(), mean[:members].mean(0))
        heights = [np.ptp(segment[:, 1]) / 2 for segment in bars[2][0].get_segments()]
        np.testing.assert_allclose(heights, spread, atol=1e-12)


ESTIMATED = {
    "vae": ("tsne", "reconstructions", "interpolations"),
    "lebm": ("integrand", "densities", "traces", "decoder"),
}


@pytest.mark.parametrize("family", ESTIMATED)
def test_what_is_not_stored_is_computed_once_and_drawn(trained: Store, quick: list[str], family: str) -> None:
    row = next(row for row in api.runs.list_runs(trained) if row.kind == family)
    for kind in ESTIMATED[family]:
        found = subjects(trained, row.id, kind=kind)
        assert [each.arrays.keys() for each in subjects(trained, row.id, kind=kind)] == [
            found[0].arrays.keys()
        ]
        ElementTree.fromstring(draw(find_kind(kind), found, Options(), "svg"))
    assert sorted(quick) == sorted(find_kind(kind).estimate for kind in ESTIMATED[family])
    lacking = {kind.name for kind, lack in kinds_of(trained, groups_of(trained, row.id)) if lack}
    noise = {"gradient-variance", "metric-variance"}
    assert lacking == (noise | {"integrand", "traces"} if family == "vae" else noise)


def test_other_settings_are_computed_anew(trained: Store, quick: list[str]) -> None:
    run = next(row.id for row in api.runs.list_runs(trained) if row.kind == "vae")
    groups, kind = groups_of(trained, run), find_kind("reconstructions")
    for sets, count in (([], 5), (["images=3"], 3)):
        (found,), _ = collect(trained, groups, kind, Options(), sets=sets)
        assert len(found.arrays["data"]) == count
    assert quick[-1] == "reconstructions"


def test_a_pdf_embeds_truetype_fonts_and_the_same_figure_has_the_same_bytes(store: Store) -> None:
    found = subjects(store, "run-vae", kind="latents")
    body = draw(find_kind("latents"), found, Options(width=6.8), "pdf")
    assert b"/FontFile2" in body and b"/Type3" not in body
    assert float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", body)[1]) == pytest.approx(6.8 * 72, abs=0.1)
    again = draw(find_kind("latents"), found, Options(width=6.8), "pdf")
    assert again == body


def test_the_settings_of_the_user_change_nothing(store: Store) -> None:
    import matplotlib  # the test breaks what this process has set, and repairs it

    found = subjects(store, "run-vae")
    before = draw(find_kind("curves"), found, Options(), "svg")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30}):
        assert draw(find_kind("curves"), found, Options(), "svg") == before


HOSTILE = [
    "$\\frac{",
    "a $x^2$ -- --> <script>&amp;",
    "\x1b[2J\u202e\ud800 名前",
    " " * 50,
    "%s {0} \\n" + "x" * 500,
]


@pytest.mark.parametrize("kind", ["integrand", "tsne"])
def test_hostile_names_are_drawn_and_come_out_harmless(kind: str) -> None:
    group: Any = None
    made = [Subject(text, group, (), STILL, 0, ARRAYS) for text in HOSTILE]
    body = draw(find_kind(kind), made, Options(), "svg").decode()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(body).iter()}
    assert "script" not in tags
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", body)


@given(st.text(st.characters(exclude_categories=())))
@settings(max_examples=20)
def test_a_name_has_only_signs_of_the_font_and_no_line_breaks(text: str) -> None:
    shown = name(text)
    assert shown.isprintable()
    assert all(ord(sign) in characters() for sign in shown) and "\n" not in shown
    if text.isascii() and text.isprintable() and len(text) <= 100:
        assert shown == " ".join(text.split())


STILL: Any = type("Still", (), {"id": "run", "seeds": (0,)})()
ARRAYS = {
    "temperatures": np.array([0.0, 1.0]),
    "mean": np.zeros((1, 2)),
    "error": np.ones((1, 2)),
    "points": np.eye(2)[None],
    "labels": np.arange(2),
}


def test_a_dollar_is_a_dollar() -> None:
    group: Any = None
    made = [Subject(text, group, (), STILL, 0, ARRAYS) for text in ("costs $5$", "名")]
    figure = drawn(curves.integrand, made, Options())
    labels = figure.legends[0].get_texts()
    assert [label.get_text() for label in labels] == ["costs $5$", "[U+540D]"]
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("broken", [{}, {"points": np.zeros((0, 3, 2))}, {"points": np.zeros(3)}])
def test_damaged_arrays_are_an_error_in_one_sentence(store: Store, broken: dict[str, Any]) -> None:
    (found,) = subjects(store, "run-vae")
    with pytest.raises(WorkbenchError, match="Cannot read the points of run-vae"):
        drawn(scatters.tsne, [replace(found, arrays=broken)], Options())
    with pytest.raises(WorkbenchError, match="Cannot read the base of run-vae"):
        drawn(chains.densities, [replace(found, arrays=broken)], Options())
