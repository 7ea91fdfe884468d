"""Seeds as users write them."""

import pytest

from workbench.errors import WorkbenchError
from workbench.spec.seeds import seeds_from


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3", [0, 1, 2]),
        (3, [0, 1, 2]),
        ("0,7,9", [0, 7, 9]),
        ("7,", [7]),
        ([5, 1], [5, 1]),
        (" 4 , 2 ", [4, 2]),
    ],
)
def test_counts_and_lists(written, meant):
    assert seeds_from(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *("", ",", "0", "-1", "a", "1,1", "1,,2", "1.5", "²", "99999999999", "2147483648,"),
        *(0, True, 1001, [], [True], [-1], 1.5, None),
    ],
)
def test_anything_else_is_refused(written):
    with pytest.raises(WorkbenchError):
        seeds_from(written)
