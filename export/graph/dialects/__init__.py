"""Ways to write the same graph: one set of operators for every runtime, two for ONNX Runtime."""

from typing import Protocol


class Dialect(Protocol):
    """Writes the parts of an encoder into a graph. Every method returns the name of what it computes."""

    def embeddings(self, input_ids: str, token_type_ids: str | None) -> str:
        """Token, position and type embeddings, normed: [batch, sequence, hidden]."""
        ...

    def mask(self, attention_mask: str) -> str:
        """What `attention` takes as its mask, from the graph's 0/1 mask [batch, sequence]."""
        ...

    def attention(self, name: str, hidden: str, mask: str, num_heads: int) -> str:
        """The self-attention sublayer, with its residual and norm."""
        ...

    def feed_forward(self, name: str, hidden: str, intermediate_size: int) -> str:
        """The feed-forward sublayer, with its residual and norm."""
        ...
