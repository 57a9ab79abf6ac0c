"""What a file says of how it came about: the names under which it says so, and reading them back with distrust."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from export.runtimes import answering
from export.target import TARGETS, CpuRuntime, Scheme, Target

TARGET = "target"
"""What the file was written for."""
KEPT_IN_FP32 = "kept_in_fp32"
"""What of a graph in lower precision is not: products and norms in fp16, parts in int8."""
INT8 = "int8"
"""How an int8 graph came about."""


def target_in(provenance: Mapping[str, Any]) -> Target | None:
    """What the file was written for; None where it says nothing known, as older ones do not."""
    said = provenance.get(TARGET)
    return said if isinstance(said, str) and said in TARGETS else None


def cpu_runtime_in(provenance: Mapping[str, Any]) -> CpuRuntime | None:
    """The runtime for CPUs that the file was written for; None where it was for none, or does not say."""
    target = target_in(provenance)
    return target if target in answering() else None


def ranges_in(provenance: Mapping[str, Any]) -> Scheme | None:
    """How the ranges of an int8 file were found; None where it says nothing known."""
    said = provenance.get(INT8)
    ranges = said.get("ranges") if isinstance(said, Mapping) else None
    return cast(Scheme, ranges) if ranges in get_args(Scheme) else None


def allows_bfloat16(precision: str, provenance: Mapping[str, Any]) -> bool:
    """Whether what is not int8 may be computed in bfloat16 where that is faster.

    Not where parts were kept in float32 for the sake of F1, and not in a file of any other precision, which is
    to be computed in what it says.
    """
    return precision == "int8" and ranges_in(provenance) == "static" and provenance.get(KEPT_IN_FP32) == []
