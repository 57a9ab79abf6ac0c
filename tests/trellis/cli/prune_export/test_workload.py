"""What --dry-run counts is what a run then computes: windows that pass forward, and that pass forward and back."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support import tiny
from support.commands import invoke
from support.requests import request as request_of
from support.seeing import seeing

from export.options import Output
from prune.checkpoint import save
from prune.cost import multiply_adds
from prune.cost.passes import SAMPLED, Passes
from prune.loaded_model import open_model
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import write_squad
from prune.train.settings import TrainingSettings
from trellis.cli.prune_export import pipeline
from trellis.cli.prune_export.command import COMMAND
from trellis.cli.prune_export.estimate import estimate
from trellis.cli.prune_export.request import Request
from trellis.cli.prune_export.workload import workload

SENTENCE = (
    "the old pear tree was trained against a south wall by her sons and pruned every winter until it fell"
)
WORDS = SENTENCE.split(" ")


def questions(count: int) -> list[Question]:
    """About contexts of unequal lengths, two to each; some fill several windows."""
    made = []
    for index in range(count):
        context = " ".join(WORDS[(index // 2 + place) % len(WORDS)] for place in range(5 + index % 16 * 3))
        word = context.split()[2]
        made.append(
            Question(f"q{index}", f"which word is {index}", context, (Answer(word, context.index(word)),))
        )
    return made


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and questions to train on, to measure on, and to search with."""
    folder = tmp_path_factory.mktemp("room")
    save(tiny.model(), tiny.tokenizer([SENTENCE]), folder / "model")
    for name, count in (("train", 70), ("dev", 40), ("own", 30)):
        write_squad(questions(count), folder / f"{name}.json")
    return folder


def counted(request: Request) -> list[Passes]:
    return workload(pipeline.prepared(request), request.output)


def total(work: list[Passes], end: int) -> tuple[int, int]:
    return sum(each.forward[end] for each in work), sum(each.backward[end] for each in work)


HALF = {"prune_heads": 0.5, "prune_ffn": 0.5}
EXACT = TrainingSettings(held_out=0, batch_size=8)
REQUESTS: dict[str, dict[str, Any]] = {
    "unchanged": {"no_prune": True, "dev": "dev"},
    "random": {"method": "random", **HALF, "dev": "dev"},
    "gain by its own answers": HALF,
    "gain by training data": {**HALF, "train": "train", "train_questions": 0, "dev": "dev"},
    "retrained": {**HALF, "train": "train", "train_questions": 0, "retrain": 2.0, "settings": EXACT},
    "distilled for a while": {**HALF, "train": "train", "train_questions": 0, "distill": 0.5, "settings": EXACT},
    "on short windows": {
        **HALF, "method": "random", "train": "train", "train_length": 24, "retrain": 1.0, "settings": EXACT,
    },
    "gates apart": {**HALF, "method": "l0", "train": "train", "settings": TrainingSettings(batch_size=8)},
    "gates together, distilled": {
        **HALF, "method": "l0", "joint": True, "gate_loss": "distill", "train": "train",
        "settings": TrainingSettings(batch_size=8),
    },
    "in int8": {"no_prune": True, "dev": "dev", "precision": "int8"},
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_windows_are_counted_as_a_run_then_computes_them(name: str, room: Path, tmp_path: Path) -> None:
    files = ("train", "dev", "calibration")
    wishes = {
        key: str(room / f"{value}.json") if key in files else value for key, value in REQUESTS[name].items()
    }
    if "dev" in wishes:
        wishes["dev"] = (wishes["dev"],)
    request = request_of(model=str(room / "model"), out=tmp_path / "m.onnx", **wishes)
    work = counted(request)
    assert total(work, 0) == total(work, 1)
    with seeing() as seen:
        pipeline.run(request, lambda what, done, total: None)
    served = sum(each.forward[0] for each in work if "served" in each.what)  # by onnxruntime, out of sight
    assert (seen.forward + served, seen.backward) == total(work, 0)


def test_a_search_computes_between_the_fewest_and_the_most_that_were_counted(
    room: Path, tmp_path: Path
) -> None:
    request = request_of(
        model=str(room / "model"),
        out=tmp_path / "m.onnx",
        calibration=str(room / "own.json"),
        min_agreement=0.0,
    )
    work = counted(request)
    with seeing() as seen:
        pipeline.run(request, lambda what, done, total: None)
    assert total(work, 0)[0] <= seen.forward <= total(work, 1)[0]
    assert total(work, 0)[0] < total(work, 1)[0]
    assert seen.backward == total(work, 0)[1] == total(work, 1)[1] > 0


def test_shorter_windows_to_train_on_are_more_and_cost_less_each(room: Path, tmp_path: Path) -> None:
    def trained(length: int) -> Passes:
        request = request_of(
            model=str(room / "model"), out=tmp_path / "m.onnx", no_prune=True, train=str(room / "train.json"),
            retrain=1.0, train_length=length, settings=EXACT,
        )  # fmt: skip
        (work,) = [each for each in counted(request) if each.what == "training"]
        return work

    short, long = trained(24), trained(48)
    assert short.backward[0] > long.backward[0]
    assert short.multiply_adds[0] / short.backward[0] < long.multiply_adds[0] / long.backward[0]


def test_what_costs_what_is_the_arithmetic_of_shapes(tmp_path: Path, room: Path) -> None:
    request = request_of(
        model=str(room / "model"), out=tmp_path / "m.onnx", no_prune=True, dev=(str(room / "one.json"),)
    )
    write_squad(questions(1), room / "one.json")
    asked = counted(request)[0]
    subject = open_model(request.model)
    (window,) = subject.windows(questions(1))
    expected = multiply_adds(subject.source.encoder, subject.source.shape, batch=1, seq=len(window.input_ids))
    assert (asked.forward, asked.multiply_adds) == ((1, 1), (expected, expected))


def test_of_large_sets_a_sample_speaks_for_all(room: Path, tmp_path: Path) -> None:
    write_squad(questions(3 * SAMPLED), room / "many.json")
    request = request_of(
        model=str(room / "model"), out=tmp_path / "m.onnx", no_prune=True, dev=(str(room / "many.json"),)
    )
    asked = counted(request)[0]
    windows = len(open_model(request.model).windows(questions(3 * SAMPLED)))
    assert asked.forward[0] == pytest.approx(windows, rel=0.02)


def dry_run(*arguments: object) -> str:
    result = invoke(COMMAND, [*arguments, "--dry-run"])
    assert result.exit_code == 0, result.output
    return result.output


def test_with_no_flag_no_size_is_shown_that_only_the_answers_can_say(room: Path, tmp_path: Path) -> None:
    printed = dry_run(room / "model", tmp_path / "m.onnx")
    assert "only these answers can say" in printed
    assert "→" not in printed
    assert "times fewer" not in printed
    assert re.search(r"trying cuts \(\d+ to \d+ windows\)", printed)


def test_the_time_is_a_range_at_a_rate_and_names_what_is_not_in_it(room: Path, tmp_path: Path) -> None:
    printed = dry_run(
        room / "model", tmp_path / "m.onnx", "--no-prune", "--dev", room / "dev.json", "--precision", "int8"
    )
    assert re.search(
        r"Time: (under a second|[\d.]+ \w+ to [\d.]+ \w+) where nothing else is at work", printed
    )
    assert "G multiply-adds a second" in printed
    assert printed.rstrip().endswith("; reading, writing, rounding to int8 come on top.")


def test_more_work_takes_longer_in_proportion(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trellis.cli.prune_export.speed import Rate

    monkeypatch.setattr(
        "trellis.cli.prune_export.estimate.measured_rate", lambda subject: Rate(1e6, 1e6, 1e6, None, 2)
    )
    request = request_of(
        model=str(room / "model"), out=tmp_path / "m.onnx", no_prune=True, dev=(str(room / "dev.json"),)
    )

    def estimated(request: Request) -> str | None:
        return estimate(pipeline.prepared(request), request.output)

    def seconds(request: Request) -> tuple[float, float]:
        said = estimated(request)
        assert said
        found = re.match(r"([\d.]+) s to ([\d.]+) s in all, where nothing else is at work", said)
        assert found, said
        return float(found[1]), float(found[2])

    assert estimated(request) is None  # a moment
    monkeypatch.setattr("trellis.cli.prune_export.estimate.WORTH_SAYING", 0)
    work = sum(each.multiply_adds[0] for each in counted(request))
    assert seconds(request) == pytest.approx((0.7 * work / 1e6, 1.6 * work / 1e6), abs=0.5)
    again = replace(request, output=Output(precision="int8"))
    assert seconds(again)[0] > seconds(request)[0]


def test_the_threads_are_left_as_they_were(room: Path) -> None:
    from trellis.cli.prune_export.speed import measured_rate

    before = torch.get_num_threads()
    rate = measured_rate(open_model(str(room / "model")))
    assert torch.get_num_threads() == before == rate.cores
    assert 0 < rate.slowest <= rate.median <= rate.fastest
