"""Measure how many times as fast one model is as another, with an interval, and what that cost in accuracy.

Importing this package is light: what measures is loaded when it is used.
"""

from typing import TYPE_CHECKING

from trellis.lazy import attributes_of

if TYPE_CHECKING:
    from bench.comparison import compare
    from bench.measure.engine_process import WorkerDiedError
    from bench.options import Engines, Limits, OperatingPoints, Questions
    from bench.result.result import Result, read_result
    from bench.workload import Effort
    from trellis.errors import InputError

__all__ = [
    "Effort",
    "Engines",
    "InputError",
    "Limits",
    "OperatingPoints",
    "Questions",
    "Result",
    "WorkerDiedError",
    "compare",
    "read_result",
]

_HOMES = {
    "Effort": "bench.workload",
    "Engines": "bench.options",
    "InputError": "trellis.errors",
    "Limits": "bench.options",
    "OperatingPoints": "bench.options",
    "Questions": "bench.options",
    "Result": "bench.result.result",
    "WorkerDiedError": "bench.measure.engine_process",
    "compare": "bench.comparison",
    "read_result": "bench.result.result",
}

__getattr__ = attributes_of(__name__, _HOMES)
