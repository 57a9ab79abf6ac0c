"""Groups of options: what each refuses by itself, and what they refuse together, before anything is opened."""

from typing import Any

import pytest

from bench.comparison import compare
from bench.options import Engines, Limits, OperatingPoints, Questions, parse_numbers, parse_words
from bench.workload import Workload
from trellis.cores import available_cores
from trellis.errors import InputError, Parameter

SEQ, PRECISION = Parameter("seq"), Parameter("precision")


@pytest.mark.parametrize(
    ("group", "changes", "said"),
    [
        (Engines, {"threads": (2, 0)}, "threads is 0"),
        (Engines, {"clients": 0}, "clients is 0"),
        (
            Engines,
            {"clients": 2, "runtime": ("onnxruntime", "tensorrt"), "device": "cuda"},
            "clients is 2, and a model of TensorRT's is run for one at a time",
        ),
        (
            Engines,
            {"timing": "device", "device": "cpu"},
            "timing='device' is by a GPU's clock, and device='cpu' has none; give device='cuda', or timing='call'",
        ),
        (
            Engines,
            {"timing": "cuda-graph", "device": "cuda", "clients": 2},
            "timing='cuda-graph' is of one call at a time, and clients is 2",
        ),
        (
            Engines,
            {"runtime": ("torch", "jax")},
            "runtime is 'torch,jax', and 'jax' is not one of onnxruntime, openvino",
        ),
        (
            Engines,
            {"precision": ("fp64",)},
            r"precision is 'fp64', and 'fp64' is not one of fp32, fp16, int8\.",
        ),
        (Limits, {"min_speedup": float("nan")}, "min_speedup is nan; give a number"),
        (Limits, {"max_f1_loss": float("inf")}, "max_f1_loss is inf; give a number"),
        (OperatingPoints, {"batch": ()}, "batch lists no number; give one at least"),
        (
            OperatingPoints,
            {"batch": (1, 0)},
            "batch is 0; give the number of sequences per call, 1 to 65,536",
        ),
        (OperatingPoints, {"seq": (384, 65_537)}, "seq is 65537"),
    ],
)
def test_a_group_refuses_what_cannot_be(group: type, changes: dict[str, Any], said: str) -> None:
    group()
    with pytest.raises(InputError, match=said):
        group(**changes)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"engines": Engines(timing="device")},
            "timing='device' is by a GPU's clock, and device='cpu' has none",
        ),
        (
            {"engines": Engines(precision=("fp32", "int8"))},
            r"precision=\('fp32', 'int8'\) is of graphs that bench builds without",
        ),
        ({"models": (), "points": OperatingPoints(lengths="dev.json")}, "lengths needs a tokenizer"),
        ({"models": (), "baseline": "whole"}, "baseline names what to compare with, but no models"),
        ({"models": (), "questions": Questions(("dev.json",))}, "dev measures accuracy, and without models"),
        ({"limits": Limits(max_f1_loss=0.5)}, "max_f1_loss needs dev"),
        ({"limits": Limits(max_has_answer_f1_loss=0.5)}, "max_has_answer_f1_loss needs dev"),
        (
            {"limits": Limits(max_f1_loss=0.5), "questions": Questions(("dev.json",))},
            "the unpruned twin has random weights and no F1",
        ),
    ],
)
def test_groups_that_contradict_each_other_are_refused(asked: dict[str, Any], said: str) -> None:
    """Though there is no such model: nothing was opened yet."""
    with pytest.raises(InputError, match=said):
        compare(**({"models": ["out.onnx"]} | asked))
    with pytest.raises(InputError, match=r"There is no file or directory out\.onnx"):
        compare(["out.onnx"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threads": (0,)}, "threads is 0; give threads for the "),
        ({"threads": (1, 8 * available_cores() + 1)}, f"threads is {8 * available_cores() + 1}; .* 1 to "),
        ({"threads": (2**31,)}, "threads is 2147483648"),
        ({"clients": 257}, "clients is 257; give how many call the engine at a time, 1 to 256"),
        ({"clients": -1}, "clients is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Engines(**changes)
    assert Engines(threads=(8 * available_cores(),), clients=256).clients == 256


def test_each_size_meets_each_length() -> None:
    points = OperatingPoints(batch=(1, 16), seq=(128, 384))
    assert points.workloads == (Workload(1, 128), Workload(1, 384), Workload(16, 128), Workload(16, 384))


def test_lists_are_read_in_order_and_once() -> None:
    assert parse_numbers(SEQ, "16") == (16,)
    assert parse_numbers(SEQ, "16, 1,16") == (16, 1)


@pytest.mark.parametrize("text", ["", "1,", "a", "1.5", "1 16"])
def test_what_is_no_list_of_numbers_is_named(text: str) -> None:
    with pytest.raises(InputError, match=f"seq is {text!r}; give a whole number"):
        parse_numbers(SEQ, text)


def test_a_list_without_end_is_refused_in_few_words() -> None:
    with pytest.raises(InputError, match=r"seq lists 65 numbers; give 64 at most\."):
        parse_numbers(SEQ, ",".join(map(str, range(65))))
    for text in ("9" * 5000, "x" * 5000):
        with pytest.raises(InputError) as caught:
            parse_numbers(SEQ, text)
        assert len(str(caught.value)) < 120


def test_words_are_read_in_order_and_once() -> None:
    assert parse_words(PRECISION, "int8, fp32,int8") == ("int8", "fp32")
