import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.html.scale import Scale, around


def test_even_scales_are_linear_and_others_of_ratios() -> None:
    assert Scale(0, 10, 100, 200)(2.5) == 125
    ratios = Scale(1, 100, 0, 360, log=True)
    assert ratios(10) == pytest.approx(180)
    assert ratios(1000) == 360  # what lies outside is put at the end


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 100, 0, 1), [0, 20, 40, 60, 80, 100]),
        (Scale(-1.2, 0.9, 0, 1), [-1, -0.5, 0, 0.5]),
        (Scale(0.9, 3.1, 0, 1, log=True), [1, 1.5, 2, 3]),
        (Scale(1, 1000, 0, 1, log=True), [1, 10, 100, 1000]),
        (Scale(1.98, 2.11, 0, 1, log=True), [2, 2.05, 2.1]),
    ],
)
def test_ticks_are_round_and_within(scale: Scale, ticks: list[float]) -> None:
    found = scale.ticks()
    assert all(scale.low <= tick <= scale.high for tick in found)
    if len(ticks) == len(found):
        assert found == pytest.approx(ticks)
    assert set(ticks) & set(found)


@given(st.floats(1e-6, 1e6), st.floats(1.0, 1e4), st.booleans())
def test_every_scale_has_some_ticks_and_not_too_many(low: float, times: float, log: bool) -> None:
    scale = around(low, low * times, 0, 300, log=log)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
    assert all(scale.low * (1 - 1e-9) <= tick <= scale.high * (1 + 1e-9) for tick in ticks)


@pytest.mark.parametrize("log", [False, True])
def test_a_single_figure_is_in_the_middle(log: bool) -> None:
    assert around(2, 2, 0, 100, log=log)(2) == pytest.approx(50)
    assert around(0, 0, 0, 100)(0) == 50


@pytest.mark.parametrize(
    ("low", "high", "log", "least", "ends"),
    [
        (56.1, 60.3, False, None, (55.0, 61.0)),
        (59.9, 60.0, False, 10.0, (50.0, 70.0)),
        (-1.2, 0.9, False, 4.0, (-3.0, 3.0)),
        (0.3, 6.0, False, None, (0.0, 8.0)),
        (1.0, 2.9, True, 2.0, (0.7, 4.0)),
        (1.0, 1.01, True, 2.0, (0.5, 1.5)),
        (128.0, 384.0, True, None, (100.0, 500.0)),
    ],
)
def test_a_scale_ends_at_round_figures_and_spans_enough(
    low: float, high: float, log: bool, least: float | None, ends: tuple[float, float]
) -> None:
    scale = around(low, high, 0, 300, log=log, least=least)
    assert (scale.low, scale.high) == ends
    assert scale.low < low
    assert high < scale.high
