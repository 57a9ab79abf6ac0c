"""ONNX Runtime's fused operators (domain com.microsoft), with a head count of its own for every layer.

OpenVINO reads them too; TensorRT does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.graph.dialects.portable import MASKED, PortableDialect, position_ids, position_table
from export.graph.nodes import Graph
from export.graph.precision.arithmetic import Arithmetic
from prune.families.encoder import Encoder

MICROSOFT = "com.microsoft"
INT32 = 6


class FusedDialect:
    """Writes an encoder in few operators: embeddings, attention, and bias + GELU are one each."""

    def __init__(
        self, graph: Graph, encoder: Encoder, arithmetic: Arithmetic, *, packed: bool = True
    ) -> None:
        self.graph = graph
        self.encoder = encoder
        # Not SkipLayerNormalization, which on the CPU takes longer than what it would replace, and which
        # onnxruntime makes of an Add by itself.
        self.standard = PortableDialect(graph, encoder, arithmetic, residual="Sum")
        self.packed = packed
        """Whether query, key and value are one operator with attention; int8 wants products to stand alone."""

    def embeddings(self, input_ids: str, token_type_ids: str | None) -> str:
        """One EmbedLayerNormalization; it wants int32."""
        graph, encoder = self.graph, self.encoder
        positions = ""
        if encoder.family.positions_follow_padding:
            positions = self._int32("positions/int32", position_ids(graph, encoder, input_ids))
        inputs = [
            self._int32("embeddings/input_ids", input_ids),
            self._int32("embeddings/token_type_ids", token_type_ids) if token_type_ids else "",
            graph.weight("embeddings/word"),
            position_table(graph, encoder, token_type_ids is None),
            graph.weight("embeddings/token_type") if token_type_ids else "",
            graph.weight("embeddings/norm/weight"),
            graph.weight("embeddings/norm/bias"),
            "",
            positions,
        ]
        while not inputs[-1]:
            inputs.pop()
        embedded, _ = graph.nodes(
            "EmbedLayerNormalization",
            "embeddings",
            inputs,
            ["embeddings", "embeddings/unused_mask"],
            domain=MICROSOFT,
            epsilon=encoder.layer_norm_eps,
        )
        return self.standard.project(embedded)

    def mask(self, attention_mask: str) -> str:
        """The 0/1 mask as int32 [batch, sequence]: any padding, left, right or within."""
        return self._int32("mask", attention_mask)

    def attention(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """Attention, then projection, residual, norm."""
        if num_heads == 0:
            return self.standard.bias_only(name, hidden)
        context = (self._packed if self.packed else self._separate)(name, hidden, mask, num_heads)
        return self._output(name, context, hidden)

    def _packed(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """One Attention, which takes query, key and value side by side."""
        return packed_attention(
            self.graph, name, hidden, num_heads, np.float32, [mask], mask_filter_value=MASKED
        )

    def _separate(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """Three products, and a MultiHeadAttention of what they give."""
        linear = self.standard.arithmetic.linear
        parts = [linear(f"{name}/{part}", hidden) for part in ("query", "key", "value")]
        return self.graph.node(
            "MultiHeadAttention",
            f"{name}/context",
            [*parts, "", mask],
            domain=MICROSOFT,
            num_heads=num_heads,
            mask_filter_value=MASKED,
        )

    def feed_forward(self, name: str, hidden: str, intermediate_size: int) -> str:
        """MatMul, BiasGelu, then projection, residual, norm."""
        if intermediate_size == 0:
            return self.standard.bias_only(name, hidden)
        graph = self.graph
        inner = graph.node(
            "MatMul", f"{name}/intermediate/matmul", [hidden, graph.matrix(f"{name}/intermediate/weight")]
        )
        bias = graph.weight(f"{name}/intermediate/bias")
        inner = graph.node("BiasGelu", f"{name}/gelu", [inner, bias], domain=MICROSOFT)
        return self._output(name, inner, hidden)

    def _output(self, name: str, inner: str, hidden: str) -> str:
        """LayerNorm(hidden + inner Wᵀ + b)."""
        return self.standard.residual_norm(
            name, self.standard.arithmetic.linear(f"{name}/output", inner), hidden
        )

    def _int32(self, name: str, tensor: str) -> str:
        return self.graph.node("Cast", name, [tensor], to=INT32)


def packed_attention(
    graph: Graph,
    name: str,
    hidden: str,
    num_heads: int,
    dtype: type[np.floating[Any]],
    masks: Sequence[str],
    **attributes: Any,
) -> str:
    """One Attention of `hidden`, its weights side by side in `dtype`; `masks` are the inputs that follow those."""
    parts = [f"{name}/{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([graph.array(f"{part}/weight").T for part in parts], axis=1)
    bias = np.concatenate([graph.array(f"{part}/bias") for part in parts])
    packed = [
        graph.constant(f"{name}/query_key_value/{kind}", values.astype(dtype, copy=False))
        for kind, values in (("weight", weight), ("bias", bias))
    ]
    return graph.node(
        "Attention",
        f"{name}/context",
        [hidden, *packed, *masks],
        domain=MICROSOFT,
        num_heads=num_heads,
        qkv_hidden_sizes=[len(bias) // 3] * 3,
        **attributes,
    )
