"""Profiles: what users write, what comes of it, and which one serves a batch."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny

from export.runtimes.tensorrt.profile import (
    MAX_BATCH,
    Profile,
    check_profiles,
    choose_profile,
    default_profiles,
    parse_profile,
    parse_profiles,
)
from prune.families.encoder import Encoder
from trellis.errors import InputError


@st.composite
def profiles(draw: st.DrawFn, most: int = MAX_BATCH) -> Profile:
    axes = [sorted(draw(st.lists(st.integers(1, most), min_size=3, max_size=3))) for _ in range(2)]
    low, best, high = zip(*axes, strict=True)
    return Profile(low, best, high)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1x384", Profile((1, 384), (1, 384), (1, 384))),
        ("1..32x16..512", Profile((1, 16), (32, 512), (32, 512))),
        ("1..8..32x16..384..512", Profile((1, 16), (8, 384), (32, 512))),
        ("1x16..384..512", Profile((1, 16), (1, 384), (1, 512))),
        ("4x1..1..2", Profile((4, 1), (4, 1), (4, 2))),
    ],
)
def test_grammar(text: str, expected: Profile) -> None:
    assert parse_profile(text) == expected


@given(profiles())
def test_what_is_written_is_read(profile: Profile) -> None:
    assert parse_profile(str(profile)) == profile


@given(st.lists(profiles(), min_size=1, max_size=4))
def test_several(several: list[Profile]) -> None:
    assert parse_profiles(",".join(map(str, several))) == tuple(several)


@given(st.text(alphabet="0123456789.x, -١", max_size=20))
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    number = r"[1-9][0-9]{0,5}"
    if re.fullmatch(rf"{number}(\.\.{number}){{0,2}}x{number}(\.\.{number}){{0,2}}", text):
        return
    with pytest.raises(InputError, match=re.escape(f"The profile is {text!r}; expected BATCHxLENGTH")):
        parse_profile(text)


@pytest.mark.parametrize(
    "text", ["", "384", "1x", "x384", "0x1", "01x1", "1X1", "1 x 1", "1..2..3..4x1", "1-2x3", "1x1\n"]
)
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected BATCHxLENGTH"):
        parse_profile(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("8..1x384", "batch goes 8..1..1"),
        ("1x512..384", "length goes 512..384..384"),
        ("1..9..8x1", "batch goes 1..9..8"),
        ("65536x1", "at most 65535"),
    ],
)
def test_sizes_that_cannot_be_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)) as refusal:
        parse_profile(text)
    assert text in str(refusal.value)


@pytest.mark.parametrize("size", [0, -1, True, 1.0, "1", None])
def test_sizes_are_whole_numbers(size: object) -> None:
    with pytest.raises(InputError, match="whole numbers from 1"):
        Profile((size, 1), (1, 1), (1, 1))  # type: ignore[arg-type]


def test_profiles_fit_the_model() -> None:
    encoder = tiny.encoder("roberta")
    assert encoder.max_length == 62
    check_profiles(parse_profiles("1x62,2..9x62"), encoder)
    with pytest.raises(InputError, match="1x63 goes to 63 tokens; the model serves at most 62"):
        check_profiles(parse_profiles("1x62,1x63"), encoder)
    with pytest.raises(InputError, match="given twice"):
        check_profiles(parse_profiles("1x62,2x1,1..1..1x62"), encoder)
    with pytest.raises(InputError, match="No profile is given"):
        check_profiles((), encoder)


@given(st.integers(1, 5000))
def test_defaults_serve_every_length_alone_and_together(longest: int) -> None:
    encoder: Encoder = tiny.encoder(max_position_embeddings=longest)
    found = default_profiles(encoder)
    check_profiles(found, encoder)
    for length in {1, longest}:
        assert choose_profile(found, (1, length)) == 0
        assert choose_profile(found, (2, length)) == choose_profile(found, (32, length)) == 1


def test_the_profile_tuned_for_the_most_similar_size_is_chosen() -> None:
    several = parse_profiles("1..1..8x1..384..512,1..8..8x1..384..512,1..8..8x1..64..512")
    chosen = {
        size: choose_profile(several, size) for size in [(1, 384), (8, 384), (8, 50), (2, 512), (5, 200)]
    }
    assert chosen == {(1, 384): 0, (8, 384): 1, (8, 50): 2, (2, 512): 0, (5, 200): 1}


def test_of_equally_tuned_ones_the_smaller_is_chosen() -> None:
    assert choose_profile(parse_profiles("1..4..64x8,1..4..8x8,1..4..8x8"), (4, 8)) == 1


def test_a_size_that_none_takes_is_refused() -> None:
    with pytest.raises(InputError, match=r"A batch of 9 x 8 tokens came; the engine serves 1\.\.4x8, 8x16"):
        choose_profile(parse_profiles("1..4x8,8x16"), (9, 8))


@given(st.lists(profiles(40), min_size=1, max_size=5), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_what_is_chosen_takes_the_size(several: list[Profile], size: tuple[int, int]) -> None:
    if any(profile.holds(size) for profile in several):
        assert several[choose_profile(several, size)].holds(size)
    else:
        with pytest.raises(InputError, match="the engine serves"):
            choose_profile(several, size)
