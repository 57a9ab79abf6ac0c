"""Standard operators only: for TensorRT, OpenVINO and whatever else reads ONNX."""

from typing import Any

import numpy as np
from onnx import helper

from export.graph.nodes import Graph
from export.graph.precision.arithmetic import Arithmetic
from prune.families.encoder import Encoder

MASKED = -1e9
"""Added to the score of a padded key: its softmax is exactly 0, and it is finite."""


class PortableDialect:
    """Writes an encoder in the operators of ONNX opset 20.

    Products are computed as `arithmetic` says; sums of embeddings, residuals, norms and softmax in float32,
    where half precision would lose most and overflow first.
    """

    def __init__(
        self, graph: Graph, encoder: Encoder, arithmetic: Arithmetic, *, residual: str = "Add"
    ) -> None:
        self.graph = graph
        self.encoder = encoder
        self.arithmetic = arithmetic
        self.residual = residual
        """The operator that sums a sublayer and its input."""

    def embeddings(self, input_ids: str, token_type_ids: str | None) -> str:
        """Token + position + type embeddings, normed, projected where the sizes differ."""
        graph = self.graph
        words = self._gathered("embeddings/words", "embeddings/word", input_ids)
        positions = self._positions(input_ids, token_type_ids is None)
        total = graph.node("Add", "embeddings/add_positions", [words, positions])
        if token_type_ids is not None:
            types = self._gathered("embeddings/token_types", "embeddings/token_type", token_type_ids)
            total = graph.node("Add", "embeddings/add_token_types", [total, types])
        return self.project(self.norm("embeddings/norm", total))

    def _gathered(self, name: str, table: str, ids: str) -> str:
        """Rows of an embedding table, in float32."""
        rows = self.arithmetic.table(table, self.graph.array(table))
        return self.graph.single(self.graph.node("Gather", name, [rows, ids]))

    def _positions(self, input_ids: str, only_type: bool) -> str:
        """Position embeddings, [sequence, hidden], or [batch, sequence, hidden] where padding moves them."""
        graph = self.graph
        table = position_table(graph, self.encoder, only_type)
        if self.encoder.family.positions_follow_padding:
            return graph.node(
                "Gather", "embeddings/positions", [table, position_ids(graph, self.encoder, input_ids)]
            )
        length = graph.node("Shape", "embeddings/length", [input_ids], start=1, end=2)
        start, axes = graph.integers(0), graph.integers(0)
        return graph.node("Slice", "embeddings/positions", [table, start, length, axes])

    def project(self, hidden: str) -> str:
        """From the embedding size to the hidden size (ELECTRA), where the two differ."""
        if self.encoder.embedding_size == self.encoder.hidden_size:
            return hidden
        return self.arithmetic.linear("embeddings/project", hidden)

    def mask(self, attention_mask: str) -> str:
        """0 for a real key and MASKED for a padded one: [batch, 1, 1, sequence]."""
        return additive_mask(self.graph, "mask", attention_mask, np.float32(MASKED))

    def attention(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """softmax(Q Kᵀ / √d + mask) V for `num_heads` heads, projected; residual; norm."""
        if num_heads == 0:
            return self.bias_only(name, hidden)
        graph, linear, product = self.graph, self.arithmetic.linear, self.arithmetic.product
        scaled = linear(f"{name}/query", hidden, factor=self.encoder.head_size**-0.5)
        query = self._heads(f"{name}/query", scaled, num_heads, [0, 2, 1, 3])
        key = self._heads(f"{name}/key", linear(f"{name}/key", hidden), num_heads, [0, 2, 3, 1])
        value = self._heads(f"{name}/value", linear(f"{name}/value", hidden), num_heads, [0, 2, 1, 3])
        scores = graph.single(product(f"{name}/scores", query, key))
        scores = graph.node("Add", f"{name}/masked_scores", [scores, mask])
        probabilities = graph.node("Softmax", f"{name}/probabilities", [scores], axis=-1)
        context = product(f"{name}/context", probabilities, value)
        context = graph.node("Transpose", f"{name}/context/by_token", [context], perm=[0, 2, 1, 3])
        width = num_heads * self.encoder.head_size
        context = graph.node("Reshape", f"{name}/context/merged", [context, graph.integers(0, 0, width)])
        return self.residual_norm(name, linear(f"{name}/output", context), hidden)

    def _heads(self, name: str, projected: str, num_heads: int, order: list[int]) -> str:
        """A projection split into heads: [batch, sequence, width] → four axes in the given order."""
        shape = self.graph.integers(0, 0, num_heads, self.encoder.head_size)
        split = self.graph.node("Reshape", f"{name}/split", [projected, shape])
        return self.graph.node("Transpose", f"{name}/heads", [split], perm=order)

    def feed_forward(self, name: str, hidden: str, intermediate_size: int) -> str:
        """GELU(x W₁ + b₁) W₂ + b₂; residual; norm."""
        if intermediate_size == 0:
            return self.bias_only(name, hidden)
        inner = self.arithmetic.linear(f"{name}/intermediate", hidden)
        inner = self.graph.node("Gelu", f"{name}/gelu", [inner])
        return self.residual_norm(name, self.arithmetic.linear(f"{name}/output", inner), hidden)

    def bias_only(self, name: str, hidden: str) -> str:
        """What is left of a sublayer that lost all its units: its output bias, the residual, the norm."""
        return self.residual_norm(name, self.graph.weight(f"{name}/output/bias"), hidden)

    def residual_norm(self, name: str, update: str, hidden: str) -> str:
        """LayerNorm(hidden + update)."""
        total = [self.graph.single(hidden), self.graph.single(update)]
        return self.norm(f"{name}/norm", self.graph.node(self.residual, f"{name}/residual", total))

    def norm(self, name: str, hidden: str, dtype: type[np.floating[Any]] = np.float32) -> str:
        """LayerNorm over the last axis, of a tensor of that type."""
        parts = (f"{name}/weight", f"{name}/bias")
        arrays = (self.graph.array(part).astype(dtype, copy=False) for part in parts)
        inputs = [hidden, *map(self.graph.constant, parts, arrays)]
        return self.graph.node(
            "LayerNormalization", name, inputs, axis=-1, epsilon=self.encoder.layer_norm_eps
        )


def additive_mask(graph: Graph, name: str, attention_mask: str, masked: np.floating[Any]) -> str:
    """From the 0/1 mask: 0 for a real key and `masked`, in its type, for a padded one: [batch, 1, 1, sequence]."""
    dtype = helper.np_dtype_to_tensor_dtype(masked.dtype)
    keys = graph.node("Cast", f"{name}/keys", [attention_mask], to=dtype)
    one = graph.constant(f"{name}/one", np.ones((), masked.dtype))
    padded = graph.node("Sub", f"{name}/padded", [one, keys])
    scores = graph.node("Mul", f"{name}/scores", [padded, graph.constant(f"{name}/masked", masked)])
    return graph.node("Unsqueeze", name, [scores, graph.integers(1, 2)])


def position_ids(graph: Graph, encoder: Encoder, input_ids: str) -> str:
    """RoBERTa's positions, int64 [batch, sequence]: tokens count from pad_token_id + 1, pads stay at it."""
    pad = graph.constant("positions/pad", np.int64(encoder.pad_token_id))
    is_pad = graph.node("Equal", "positions/is_pad", [input_ids, pad])
    is_token = graph.node("Cast", "positions/is_token", [graph.node("Not", "positions/real", [is_pad])], to=7)
    counted = graph.node(
        "CumSum", "positions/counted", [is_token, graph.constant("positions/axis", np.int64(1))]
    )
    return graph.node(
        "Add", "positions", [graph.node("Mul", "positions/at_tokens", [counted, is_token]), pad]
    )


def position_table(graph: Graph, encoder: Encoder, only_type: bool) -> str:
    """The position embeddings; where there is no choice of token types, the only type's is added in."""
    if only_type and encoder.family.has_token_types:
        total = graph.array("embeddings/position") + graph.array("embeddings/token_type")[0]
        return graph.constant("embeddings/position_with_type", total)
    return graph.weight("embeddings/position")
