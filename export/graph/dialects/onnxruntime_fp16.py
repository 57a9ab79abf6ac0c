"""ONNX Runtime's one operator for attention, all in half precision, for GPUs."""

import numpy as np

from export.graph.dialects.onnxruntime import packed_attention
from export.graph.dialects.portable import PortableDialect, additive_mask
from export.graph.nodes import Graph
from export.graph.precision.arithmetic import Arithmetic
from prune.families.encoder import Encoder

MASKED_HALF = np.finfo(np.float16).min
"""Added to the score of a padded key: finite, and below every score that half precision is trusted with."""


class HalfDialect(PortableDialect):
    """As the portable dialect, but what passes from kernel to kernel is in half precision.

    Where onnxruntime has a fused kernel, scores never leave it; where it has none, they pass in float16, where
    their bounds allow it. Softmax and LayerNormalization compute in float32 what they read and write in float16.
    Whatever could overflow is as in the portable dialect.
    """

    def __init__(self, graph: Graph, encoder: Encoder, arithmetic: Arithmetic) -> None:
        super().__init__(graph, encoder, arithmetic, residual="Sum")
        self._masks: dict[str, str] = {}

    def mask(self, attention_mask: str) -> str:
        """The 0/1 mask as it came: each layer takes what it needs of it."""
        return attention_mask

    def attention(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """Attention, then projection, residual, norm."""
        products = (f"{name}/{part}" for part in ("query", "key", "value", "scores", "context"))
        if num_heads == 0 or not self.arithmetic.is_half(*products):
            return super().attention(name, hidden, self._once("single", mask) if num_heads else "", num_heads)
        masks = ["", "", self._once("half", mask)]
        context = packed_attention(self.graph, name, self.graph.half(hidden), num_heads, np.float16, masks)
        return self.residual_norm(name, self.arithmetic.linear(f"{name}/output", context), hidden)

    def residual_norm(self, name: str, update: str, hidden: str) -> str:
        """LayerNorm(hidden + update)."""
        if not self.arithmetic.is_half(f"{name}/norm"):
            return super().residual_norm(name, update, hidden)
        graph = self.graph
        total = graph.node(self.residual, f"{name}/residual", [graph.half(hidden), graph.half(update)])
        return self.norm(f"{name}/norm", total, np.float16)

    def _once(self, precision: str, mask: str) -> str:
        if precision not in self._masks:
            self._masks[precision] = self._bias(mask) if precision == "half" else super().mask(mask)
        return self._masks[precision]

    def _bias(self, attention_mask: str) -> str:
        """0 for a real key and MASKED_HALF for a padded one, for each query: [batch, 1, sequence, sequence].

        One row would do; Attention wants one for each query. It also takes the 0/1 mask, but then it writes scores
        before they are divided by √head_size, which nothing bounds, and takes no fused kernel.
        """
        graph = self.graph
        row = additive_mask(graph, "bias/row", attention_mask, MASKED_HALF)
        length = graph.node("Shape", "bias/length", [attention_mask], start=1, end=2)
        size = graph.node("Concat", "bias/size", [graph.integers(1, 1), length, graph.integers(1)], axis=0)
        return graph.node("Expand", "bias", [row, size])
