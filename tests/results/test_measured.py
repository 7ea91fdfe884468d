"""A measured number is never alone: unit, spread, seeds and sample size are in its line."""

import pytest

from workbench.results.measured import measured_line


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("test_nelbo", [98.756], [0.331], 10_000), "98.76 (SE 0.33) nats per example  [n=10000]"),
        (
            ("test_nelbo", [98.0, 99.0, 100.0], [0.3, 0.4, 0.3], 10_000),
            "99.0 ± 1.0 nats per example  [3 seeds, n=10000, SE of one 0.4]",
        ),
        (("test_mse", [0.03, None], [0.001, None], 360), "0.0300 (SE 0.0010) data units²"),
        (("test_mse", [0.03, None], [0.001, None], 360), "[1 of 2 seeds, n=360]"),
        (("test_mse", [None, None], None, 360), "not finite data units² per dimension  [0 of 2 seeds"),
        (("energy_distance_null", [0.01] * 3, [0.002] * 3, 200), "0.0100 ± 0.0020 data units  [n=200]"),
        (("training_seconds", [318.3] * 3, None, 1), "318.3 s"),
        (("of-a-plug-in", [1.5], None, 1), "of-a-plug-in                 1.500"),
    ],
)
def test_lines(arguments: tuple, shown: str) -> None:  # type: ignore[type-arg]
    assert shown in measured_line(*arguments)


def test_one_number_for_all_seeds_is_not_given_a_spread_over_them() -> None:
    assert "±" not in measured_line("training_seconds", [318.3] * 3, None, 1)
    assert "seeds" not in measured_line("energy_distance_null_95", [0.01] * 3, None, 200)
