"""Graphs that bench builds itself: of a model directory, and of random weights for an unpruned twin."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure.inputs import random_inputs
from bench.workload import Workload
from export.provenance import INT8, KEPT_IN_FP32, allows_bfloat16, ranges_in
from export.runtimes import runtime_of
from export.runtimes.engine_spec import Device
from export.target import GraphPrecision, RuntimeName, Scheme
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.errors import InputError, Parameter

if TYPE_CHECKING:
    from export.metadata import Metadata
    from export.runtimes.tensorrt.profile import Profile

_CALIBRATION = 32
"""Tokens of the one window that the ranges of random weights come from: their speed depends on none."""


@dataclass(frozen=True)
class Form:
    """How a graph is written."""

    dialect: str
    precision: str = "fp32"
    ranges: Scheme | None = None
    """Of int8: how they are found."""
    profiles: "tuple[Profile, ...]" = ()
    """Of an engine: the sizes that it serves; none: those that are usual."""
    bfloat16: bool = False
    """Whether what is not int8 may be computed in it."""


def best_form(runtime: RuntimeName, device: Device, precision: GraphPrecision) -> Form:
    """What serves a runtime that runs graphs best. Raises InputError where it gains nothing from that precision."""
    its = runtime_of(runtime)
    forms = its.forms_on(device)
    assert forms is not None
    if precision not in forms.dialects or (precision, device) == ("fp16", "cpu"):
        way = Parameter("device", "cuda") if "cuda" in its.devices else Parameter("runtime", "onnxruntime")
        raise InputError(
            "{} is for GPUs, and {} would run it in fp32 on a CPU; add {}, or give {}.",
            *(Parameter("precision", precision), runtime, way, Parameter("precision", "int8")),
        )
    ranges = forms.int8 if precision == "int8" else None
    return Form(forms.dialects[precision], precision, ranges, bfloat16=ranges == "static")


def form_of(metadata: "Metadata", profiles: "tuple[Profile, ...]" = ()) -> Form:
    """The form that a file says it is in; raises InputError where it does not say how it came to int8."""
    provenance = metadata.provenance
    ranges = ranges_in(provenance) if metadata.precision == "int8" else None
    if metadata.precision == "int8" and ranges is None:
        raise InputError(
            f"The file is in int8 and says {provenance.get(INT8)!r:.80} of how its ranges are found; export it again."
        )
    bfloat16 = allows_bfloat16(metadata.precision, provenance)
    return Form(metadata.dialect, metadata.precision, ranges, profiles, bfloat16)


def write_graph(
    encoder: Encoder, shape: ModelShape, weights: Mapping[str, Any], form: Form, path: Path
) -> None:
    """Write the graph to `path`, with its metadata. Raises InputError where that form cannot be written."""
    from export.graph.build import build_graph
    from export.graph.write import write_onnx
    from export.metadata import Metadata, stamp

    if form.precision == "int8":
        from export.graph.precision.quantizer import Quantizer

        graph = build_graph(encoder, shape, weights, dialect=form.dialect)
        window = random_inputs(encoder, Workload(1, min(_CALIBRATION, encoder.max_length)))
        graph = Quantizer(form.ranges or "dynamic", [window]).quantize(graph)
    else:
        graph = build_graph(encoder, shape, weights, dialect=form.dialect, precision=form.precision)
    said = {INT8: {"ranges": form.ranges}, KEPT_IN_FP32: []} if form.precision == "int8" else {}
    stamp(graph, Metadata(encoder, shape, shape, form.dialect, form.precision, path.stem, said))
    write_onnx(graph, path)
