import json
from pathlib import Path

import pytest

from prune.tasks.question_answering.settings import ALWAYS_ANSWER, DECODING_FILE, DecodingSettings
from trellis.errors import InputError


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / DECODING_FILE
    for settings in (
        DecodingSettings(),
        DecodingSettings(128, 32, 15, 24, -7.5),
        DecodingSettings(null_threshold=ALWAYS_ANSWER),
    ):
        settings.write(path)
        assert DecodingSettings.read(path) == settings
    assert [entry.name for entry in tmp_path.iterdir()] == ["decoding.json"]
    assert json.loads(path.read_text()) == {
        "max_length": 384,
        "stride": 128,
        "max_answer_length": 30,
        "max_question_length": 64,
        "null_threshold": 1e30,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_length": 0}, "max_length is 0; expected a whole number of at least 8"),
        ({"max_length": 384.0}, "max_length is 384.0; expected a whole number"),
        ({"stride": -1}, "stride is -1"),
        ({"max_answer_length": True}, "max_answer_length is True"),
        ({"max_question_length": "64"}, "max_question_length is '64'"),
        ({"null_threshold": None}, "null_threshold is None; expected a number"),
        ({"null_threshold": float("inf")}, "null_threshold is inf; expected a number"),
        ({"null_threshold": float("nan")}, "null_threshold is nan; expected a number"),
        ({"beam": 3}, r"The decoding settings have \['beam', "),
    ],
)
def test_values_out_of_range_are_named(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DecodingSettings.from_dict(DecodingSettings().to_dict() | change)


def test_files_that_are_no_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / DECODING_FILE
    with pytest.raises(InputError, match="There is no file of decoding settings at"):
        DecodingSettings.read(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="The decoding settings have list; expected"):
        DecodingSettings.read(path)
    path.write_text("max_length: 384")
    with pytest.raises(InputError, match="is not valid JSON"):
        DecodingSettings.read(path)
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        DecodingSettings.read(tmp_path)


@pytest.mark.parametrize(
    ("longest", "sizes"),
    [(512, (384, 128, 64)), (384, (384, 128, 64)), (300, (300, 75, 64)), (64, (64, 16, 16))],
)
def test_a_shorter_model_clips_the_windows(longest: int, sizes: tuple[int, int, int]) -> None:
    clipped = DecodingSettings(null_threshold=-3.0).clipped(longest)
    assert (clipped.max_length, clipped.stride, clipped.max_question_length) == sizes
    assert (clipped.max_answer_length, clipped.null_threshold) == (30, -3.0)


@pytest.mark.parametrize("digits", [31, 400, 4000])
def test_thresholds_of_many_digits_are_refused_by_their_size(digits: int) -> None:
    for threshold in (10**digits, -(10**digits)):
        with pytest.raises(InputError, match=r"null_threshold is -?1000.*; expected") as caught:
            DecodingSettings(null_threshold=threshold)
        assert len(str(caught.value)) < 200
    assert DecodingSettings(null_threshold=ALWAYS_ANSWER).null_threshold == 1e30
