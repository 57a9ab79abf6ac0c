"""Shares are read as percentages or plainly, by one function for all commands."""

import pytest

from trellis.errors import InputError
from trellis.share import parse_share


@pytest.mark.parametrize(
    ("text", "share"),
    [("2%", 0.02), ("0.5%", 0.005), ("0.02", 0.02), ("1", 1.0), (" 50 % ", 0.5), ("-3%", -0.03)],
)
def test_shares_are_read_as_percentages_or_plainly(text: str, share: float) -> None:
    assert parse_share("--precision-goal", text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "two%", "2 percent", "2%%"])
def test_what_is_no_share_is_named(text: str) -> None:
    with pytest.raises(InputError, match=f"--precision-goal is {text!r}; give a share"):
        parse_share("--precision-goal", text)
