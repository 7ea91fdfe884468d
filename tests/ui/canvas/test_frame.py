"""Frames of cells: cut at the edges, wide signs whole, every segment with a style."""

import numpy as np
import pytest
from rich.cells import cell_len
from rich.style import Style

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette

BASE = Style(color="#ffffff", bgcolor="#000000")
RED = Style(color="#ff0000", bgcolor="#000000")


def frame_of(width: int, height: int, look: Look | None = None) -> Frame:
    return Frame(width, height, Palette(BASE, look or Look()))


def test_text_is_cut_at_both_edges_and_outside_rows_are_ignored() -> None:
    frame = frame_of(5, 2)
    assert frame.put(3, 0, "abc", BASE) == 5
    frame.put(-2, 1, "wxyz", BASE)
    frame.put(0, 2, "no", BASE)
    frame.put(0, -1, "no", BASE)
    assert [strip.text for strip in frame.strips()] == ["   ab", "yz   "]


def test_segments_follow_styles_and_none_lacks_one() -> None:
    frame = frame_of(6, 1)
    frame.put(1, 0, "ab", RED)
    frame.put(3, 0, "c", BASE)
    segments = list(frame.strips()[0])
    assert [(part.text, part.style) for part in segments] == [(" ", BASE), ("ab", RED), ("c  ", BASE)]


@pytest.mark.parametrize("text", ["漢字かな", "a漢b字", "e\u0301e\u0301", "👩🏽‍🔬 x", "\u200b\u200babc"])
def test_wide_and_combining_signs_never_change_a_row_s_width(text: str) -> None:
    for width in range(8):
        for x in range(-2, 4):
            frame = frame_of(width, 1)
            frame.put(x, 0, text, RED)
            (strip,) = frame.strips()
            assert strip.cell_length == width
            assert cell_len(strip.text) <= width


def test_ascii_is_made_in_one_place_sign_by_sign() -> None:
    frame = frame_of(12, 1, Look("ascii"))
    frame.put(0, 0, "η ± × – 漢", BASE)
    assert frame.strips()[0].text == "h +-x - ??  "


def test_blocks_are_clipped_and_their_spaces_let_through_what_lies_below() -> None:
    frame = frame_of(4, 2)
    frame.put(0, 0, "....", BASE)
    codes = np.array([[ord("a"), 32, ord("b")]], np.uint32)
    frame.blit(-1, 0, codes, np.zeros((1, 3), np.intp))
    frame.blit(2, 1, codes, np.zeros((1, 3), np.intp))
    frame.blit(9, 9, codes, np.zeros((1, 3), np.intp))
    assert [strip.text for strip in frame.strips()] == [".b..", "  a "]


def test_frames_without_room() -> None:
    assert frame_of(0, 0).strips() == []
    assert [strip.cell_length for strip in frame_of(0, 2).strips()] == [0, 0]
    assert frame_of(-3, -1).strips() == []
