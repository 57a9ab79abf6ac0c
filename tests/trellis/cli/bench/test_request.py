from typing import Any

import pytest

from bench.workload import Effort, Workload
from trellis.cli.bench.request import Request, parse_numbers, parse_words
from trellis.cores import available_cores
from trellis.errors import InputError


def _request(**changes: Any) -> Request:
    plain: dict[str, Any] = {
        "models": ("out.onnx",),
        "baseline": None,
        "workloads": (Workload(1, 384),),
        "lengths": None,
        "runtimes": ("onnxruntime",),
        "device": "cpu",
        "threads": (2,),
        "precisions": ("fp32",),
        "clients": 1,
        "timing": "call",
        "effort": Effort(),
        "dev": (),
        "task": "squad",
        "min_speedup": None,
        "max_f1_loss": None,
        "max_has_answer_f1_loss": None,
        "tested": "estimate",
        "command": "bench out.onnx",
    }
    return Request(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threads": (2, 0)}, "--threads is 0"),
        ({"clients": 0}, "--clients is 0"),
        (
            {"clients": 2, "runtimes": ("onnxruntime", "tensorrt"), "device": "cuda"},
            "--clients is 2, and an engine of TensorRT's is run for one at a time",
        ),
        ({"min_speedup": float("nan")}, "--min-speedup is nan; give a number"),
        (
            {"max_f1_loss": float("inf"), "dev": ("dev.json",), "baseline": "whole"},
            "--max-f1-loss is inf; give a number",
        ),
        ({"timing": "device"}, "--timing device is by a GPU's clock, and --device cpu has none"),
        (
            {"timing": "cuda-graph", "device": "cuda", "clients": 2},
            "--timing cuda-graph is of one call at a time, and --clients is 2",
        ),
        (
            {"precisions": ("fp32", "int8")},
            "--precision fp32,int8 is of graphs that bench builds without",
        ),
        ({"models": (), "lengths": "dev.json"}, "--lengths needs a tokenizer"),
        ({"models": (), "baseline": "whole"}, "--baseline names what to compare with, but no MODEL"),
        ({"models": (), "dev": ("dev.json",)}, "--dev measures accuracy, and without MODEL"),
        ({"max_f1_loss": 0.5}, "--max-f1-loss needs --dev FILE"),
        ({"max_has_answer_f1_loss": 0.5}, "--max-has-answer-f1-loss needs --dev FILE"),
        ({"max_f1_loss": 0.5, "dev": ("dev.json",)}, "the unpruned twin has random weights and no F1"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], said: str) -> None:
    _request()
    with pytest.raises(InputError, match=said):
        _request(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threads": (0,)}, "--threads is 0; give threads for the "),
        ({"threads": (1, 8 * available_cores() + 1)}, f"--threads is {8 * available_cores() + 1}; .* 1 to "),
        ({"threads": (2**31,)}, "--threads is 2147483648"),
        ({"clients": 257}, "--clients is 257; give how many call the engine at a time, 1 to 256"),
        ({"clients": -1}, "--clients is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _request(**changes)
    assert _request(threads=(8 * available_cores(),), clients=256).clients == 256


def test_lists_are_read_in_order_and_once() -> None:
    assert parse_numbers("--batch", "16") == (16,)
    assert parse_numbers("--batch", "16, 1,16") == (16, 1)


@pytest.mark.parametrize("text", ["", "1,", "a", "1.5", "1 16"])
def test_what_is_no_list_of_numbers_is_named(text: str) -> None:
    with pytest.raises(InputError, match=f"--seq is {text!r}; give a whole number"):
        parse_numbers("--seq", text)


def test_a_list_without_end_is_refused_in_few_words() -> None:
    with pytest.raises(InputError, match=r"--seq lists 65 numbers; give 64 at most\."):
        parse_numbers("--seq", ",".join(map(str, range(65))))
    for text in ("9" * 5000, "x" * 5000):
        with pytest.raises(InputError) as caught:
            parse_numbers("--seq", text)
        assert len(str(caught.value)) < 120


def test_words_are_read_in_order_and_once() -> None:
    assert parse_words("--precision", "int8, fp32,int8", ("fp32", "int8")) == ("int8", "fp32")
    with pytest.raises(InputError, match=r"--precision is 'fp64', and 'fp64' is not one of fp32, int8\."):
        parse_words("--precision", "fp64", ("fp32", "int8"))
