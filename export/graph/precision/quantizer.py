"""int8, and what to leave out of it: the parts that hurt most stay in float32 until little enough is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from export.graph.precision.dynamic import quantize_dynamic
from export.graph.precision.static import Inputs, parts_of, quantize_static, without_rounding
from export.graph.write import write_onnx
from export.runtimes.onnxruntime.exact import on_cpu
from export.target import Scheme
from trellis.files.scratch import scratch

Progress = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all)."""

RANKED_WINDOWS = 32
"""Windows that tell which part hurts most: each part costs a run over all of them."""


@dataclass(frozen=True, eq=False)
class Quantizer:
    """A way to int8, with what it needs."""

    scheme: Scheme
    windows: Sequence[Inputs]
    """Inputs of the graph to take static ranges from, and to tell harm by: [batch, sequence] each."""

    def quantize(self, graph: onnx.ModelProto, kept: Sequence[str] = ()) -> onnx.ModelProto:
        """A copy of a float32 graph in int8, but for the parts in `kept`. Raises InputError, see the schemes."""
        if self.scheme == "dynamic":
            return quantize_dynamic(graph, kept=kept)
        return quantize_static(graph, self.windows, symmetric=self.scheme == "static symmetric", kept=kept)


@dataclass(frozen=True, eq=False)
class Quantized:
    """An int8 graph, and how it came about."""

    graph: onnx.ModelProto
    scheme: Scheme
    num_windows: int
    kept: tuple[str, ...]
    """Parts in float32, the most harmful first."""

    def to_dict(self) -> dict[str, str | int]:
        """How it came about, as plain values: dynamic ranges come from no windows."""
        found: dict[str, str | int] = {"ranges": self.scheme}
        return found if self.scheme == "dynamic" else found | {"windows": self.num_windows}


def quantize_within(
    quantizer: Quantizer,
    graph: onnx.ModelProto,
    loses_little: Callable[[onnx.ModelProto], bool] | None,
    progress: Progress,
) -> Quantized:
    """Quantize `graph`, leaving out as many parts as it takes for `loses_little` to hold.

    The number left out is doubled until it suffices; with all of them, nothing is left of int8. With None, nothing
    is left out.
    """
    progress("quantizing", 0, 1)
    quantized, kept = quantizer.quantize(graph), tuple[str, ...]()
    if loses_little and not loses_little(quantized):
        order = parts_by_harm(quantizer, graph, quantized, progress)
        while len(kept) < len(order):
            kept = tuple(order[: max(1, 2 * len(kept))])
            progress(f"quantizing all but {len(kept)} of {len(order)} parts", 0, 1)
            quantized = quantizer.quantize(graph, kept)
            if loses_little(quantized):
                break
    return Quantized(quantized, quantizer.scheme, len(quantizer.windows), kept)


def parts_by_harm(
    quantizer: Quantizer, graph: onnx.ModelProto, quantized: onnx.ModelProto, progress: Progress
) -> list[str]:
    """The sublayers, first those whose rounding moves the logits most, all others being rounded too."""
    windows = quantizer.windows[:RANKED_WINDOWS]
    expected = _logits(graph, windows)
    parts = parts_of(graph)
    left = {}
    for done, part in enumerate(parts):
        progress("finding what int8 hurts", done, len(parts))
        if quantizer.scheme == "dynamic":
            relieved = quantizer.quantize(graph, (part,))
        else:
            relieved = without_rounding(quantized, part)
        left[part] = sum(
            float(np.square(ours - theirs).sum())
            for ours, theirs in zip(_logits(relieved, windows), expected, strict=True)
        )
    return sorted(parts, key=left.__getitem__)


def _logits(graph: onnx.ModelProto, windows: Sequence[Inputs]) -> list[np.ndarray]:
    with scratch() as folder:
        file = folder / "graph.onnx"
        copy = onnx.ModelProto()  # writing empties what it writes
        copy.CopyFrom(graph)
        write_onnx(copy, file)  # a float32 graph may be larger than one message can be
        infer = on_cpu(file, [output.name for output in graph.graph.output])
    return [logits for inputs in windows for logits in infer(inputs).values()]
