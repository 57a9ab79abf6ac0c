import json
from pathlib import Path

import pytest
from support import tiny
from support.commands import invoke

from bench.models import Opener
from bench.traffic import arrangements, read_lengths
from export.artifact import write_artifact
from prune.tasks.question_answering.settings import DecodingSettings
from trellis.cli.bench.command import COMMAND
from trellis.errors import InputError

QUESTION = "who wrote it?"
CONTEXTS = ["a letter.", "the letter was written by nobody at all, and it was long.", "it was long. " * 30]


def test_three_ways_to_serve_the_same_windows() -> None:
    lengths = [[10], [3, 4], [9]]
    longest, in_batch, by_length = arrangements(lengths, batch=2)
    assert longest.batches == in_batch.batches == ((10, 3), (4, 9))
    assert [(call.batch, call.seq) for call in longest.calls] == [(2, 10), (2, 10)]
    assert [(call.batch, call.seq) for call in in_batch.calls] == [(2, 10), (2, 9)]
    # Longest first; 4 is too far from 10 to be padded to it; a call has room for 20 tokens.
    assert by_length.batches == ((10, 9), (4,), (3,))
    assert {way.questions for way in (longest, in_batch, by_length)} == {3}
    assert by_length.padding < in_batch.padding < longest.padding


def test_all_ways_serve_all_windows() -> None:
    lengths = [[length] for length in range(1, 60)]
    for way in arrangements(lengths, batch=8):
        assert sorted(length for rows in way.batches for length in rows) == list(range(1, 60))
        assert all(len(rows) * max(rows) <= 8 * 59 for rows in way.batches)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A SQuAD file: one short text, one longer, and one of several windows."""
    paragraphs = [
        {
            "context": text,
            "qas": [{"id": str(index), "question": QUESTION, "answers": [], "is_impossible": True}],
        }
        for index, text in enumerate(CONTEXTS)
    ]
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [{"title": "letters", "paragraphs": paragraphs}]}))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    write_artifact(
        tiny.model("bert", tiny.WHOLE),
        tiny.tokenizer([QUESTION, *CONTEXTS]),
        DecodingSettings(max_length=32, stride=8, max_question_length=12),
        tmp_path / "out" / "model.onnx",
        dialect="onnxruntime",
        model_name="tiny",
        provenance={},
    )
    return tmp_path / "out" / "model.onnx"


def _opener(tmp_path: Path) -> Opener:
    (tmp_path / "scratch").mkdir()
    return Opener("onnxruntime", "cpu", 1, tmp_path / "scratch")


def test_lengths_are_those_of_the_models_windows(file: Path, data: Path, tmp_path: Path) -> None:
    opener = _opener(tmp_path)
    lengths = read_lengths(opener.open(str(file)), str(data))
    short, middle, long = sorted(lengths, key=sum)
    assert len(short) == len(middle) == 1
    assert short[0] < middle[0] <= 32
    assert len(long) > 3
    assert all(length == 32 for length in long[:-1])
    assert read_lengths(opener.open(str(file)), str(data), count=2) in (
        [lengths[first], lengths[second]] for first in range(3) for second in range(3) if first != second
    )
    with pytest.raises(InputError, match="random weights"):
        read_lengths(opener.unpruned_twin(opener.open(str(file))), str(data))


def test_bench_serves_them_in_three_ways_and_says_what_each_brings(
    file: Path, data: Path, tmp_path: Path
) -> None:
    arguments = [file, "--lengths", data, "--batch", 4, "--threads", 1, "--launches", 2]
    arguments += ["--blocks", 3, "--precision-goal", "99%"]
    result = invoke(COMMAND, [*arguments, "--json", tmp_path / "found.json"])
    assert result.exit_code == 0, result.output
    against_twin, against_itself = json.loads((tmp_path / "found.json").read_bytes())["comparisons"]
    assert [point["where"] for point in against_twin["points"]] == [
        "padded to the longest of all",
        "padded to the longest in the batch",
        "sorted by length",
    ]
    assert against_itself["baseline"] == against_itself["candidate"]
    assert [point["where"] for point in against_itself["points"]] == [
        "padded to the longest in the batch, baseline padded to the longest of all",
        "sorted by length, baseline padded to the longest of all",
    ]
    assert against_twin["points"][0]["candidate"]["load"]["questions"] == 3
