from typing import Any

import pytest

from bench.request import Request, parse_numbers
from bench.spec import Effort, Workload
from prune.errors import InputError


def _request(**changes: Any) -> Request:
    plain: dict[str, Any] = {
        "models": ("out.onnx",),
        "baseline": None,
        "workloads": (Workload(1, 384),),
        "runtime": "onnxruntime",
        "device": "cpu",
        "threads": 2,
        "effort": Effort(),
        "dev": None,
        "min_speedup": None,
        "max_f1_loss": None,
    }
    return Request(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threads": 0}, "--threads is 0"),
        ({"models": (), "baseline": "whole"}, "--baseline names what to compare with, but no MODEL"),
        ({"models": (), "dev": "dev.json"}, "--dev measures accuracy, and without MODEL"),
        ({"max_f1_loss": 0.5}, "--max-f1-loss needs --dev FILE"),
        ({"max_f1_loss": 0.5, "dev": "dev.json"}, "the unpruned twin has random weights and no F1"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], said: str) -> None:
    _request()
    with pytest.raises(InputError, match=said):
        _request(**changes)


def test_lists_are_read_in_order_and_once() -> None:
    assert parse_numbers("--batch", "16") == (16,)
    assert parse_numbers("--batch", "16, 1,16") == (16, 1)


@pytest.mark.parametrize("text", ["", "1,", "a", "1.5", "1 16"])
def test_what_is_no_list_of_numbers_is_named(text: str) -> None:
    with pytest.raises(InputError, match=f"--seq is {text!r}; give a whole number"):
        parse_numbers("--seq", text)
