"""What a file is to run on, and the form in which it runs best there."""

from typing import TYPE_CHECKING, Literal

from export.runtimes import RUNTIMES, answering
from export.runtimes.forms import PORTABLE, Forms, GraphPrecision, Scheme
from trellis.errors import InputError, Parameter

__all__ = [
    "TARGETS",
    "CpuRuntime",
    "GraphPrecision",
    "RuntimeName",
    "Scheme",
    "Target",
    "dialect_of",
    "scheme_of",
]

TARGETS: dict[str, Forms] = {name: runtime.forms for name, runtime in RUNTIMES.items() if runtime.forms} | {
    "portable": PORTABLE
}
"""In which graphs each target is best served: a runtime's own, or what every runtime reads."""
if TYPE_CHECKING:  # which knows no registry
    Target = str
    RuntimeName = str
    CpuRuntime = str
else:
    Target = Literal[tuple(TARGETS)]
    RuntimeName = Literal[tuple(RUNTIMES)]
    CpuRuntime = Literal[answering()]


def dialect_of(target: Target, precision: GraphPrecision) -> str:
    """The dialect to write. Raises InputError where the target does not gain from that precision."""
    dialects = TARGETS[target].dialects
    if precision not in dialects:
        first, *others = (name for name, forms in TARGETS.items() if precision in forms.dialects)
        raise InputError(
            "{} is for GPUs, and {} would run it in fp32 on a CPU; add {}{} or {}, or give {}.",
            *(Parameter("precision", precision), target, Parameter("target", first)),
            *("".join(f", {name}" for name in others[:-1]), others[-1], Parameter("precision", "int8")),
        )
    return dialects[precision]


def scheme_of(target: Target) -> Scheme:
    """How int8 is done there."""
    return TARGETS[target].int8
