"""ModelShape: for each layer, how many heads and how many feed-forward activations it has.

The one value that flows through the project: chosen in prune, written beside the weights, read by
export, stamped into the ONNX file, and read again by bench.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.bounds import check_whole
from trellis.errors import InputError

MOST_LAYERS = 1024
"""No encoder has so many: more is damage, or meant to keep whoever reads it busy."""


@dataclass(frozen=True)
class LayerShape:
    """Sizes of one encoder layer; either may be 0, which leaves that sublayer its bias and residual."""

    num_heads: int
    intermediate_size: int

    def __post_init__(self) -> None:
        for name in ("num_heads", "intermediate_size"):
            value = getattr(self, name)
            check_whole(f"A layer's {name}", value, 0)


@dataclass(frozen=True)
class ModelShape:
    """Sizes of all encoder layers, first to last. Raises InputError where a size is no natural number."""

    layers: tuple[LayerShape, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("A model shape has no layers; give one entry per encoder layer.")
        _check_number(len(self.layers))

    @classmethod
    def uniform(cls, num_layers: int, num_heads: int, intermediate_size: int) -> "ModelShape":
        """The shape of an uncut model: every layer the same."""
        _check_number(num_layers)  # before there is anything of that number
        return cls((LayerShape(num_heads, intermediate_size),) * num_layers)

    @property
    def num_heads(self) -> int:
        """Heads in the whole model."""
        return sum(layer.num_heads for layer in self.layers)

    @property
    def intermediate_size(self) -> int:
        """Feed-forward activations in the whole model."""
        return sum(layer.intermediate_size for layer in self.layers)

    def removed_from(self, original: "ModelShape") -> tuple[float, float]:
        """Fractions (of heads, of feed-forward activations) that `original` has and this shape has not."""
        self.check_within(original)
        return (
            1 - self.num_heads / original.num_heads if original.num_heads else 0.0,
            1 - self.intermediate_size / original.intermediate_size if original.intermediate_size else 0.0,
        )

    def check_within(self, original: "ModelShape") -> None:
        """Raise InputError unless this shape could have been cut from `original`."""
        if len(self.layers) != len(original.layers):
            raise InputError(
                f"The shape has {len(self.layers)} layers; the model has {len(original.layers)}."
            )
        for index, (mine, whole) in enumerate(zip(self.layers, original.layers, strict=True)):
            for name in ("num_heads", "intermediate_size"):
                if getattr(mine, name) > getattr(whole, name):
                    raise InputError(
                        f"The shape asks for {name} {getattr(mine, name)} in layer {index}; "
                        f"the model has {getattr(whole, name)} there."
                    )

    def to_dict(self) -> dict[str, list[int]]:
        """Two parallel lists, one number per layer: easy to read and to write by hand."""
        return {
            "num_heads": [layer.num_heads for layer in self.layers],
            "intermediate_size": [layer.intermediate_size for layer in self.layers],
        }

    @classmethod
    def from_dict(cls, data: Any) -> "ModelShape":
        """Inverse of `to_dict`; raises InputError naming what is wrong with untrusted `data`."""
        wanted = '{"num_heads": [...], "intermediate_size": [...]}, one number per layer'
        if not isinstance(data, Mapping):
            raise InputError(f"A model shape is a {type(data).__name__}; expected {wanted}.")
        heads, widths = data.get("num_heads"), data.get("intermediate_size")
        if not isinstance(heads, list) or not isinstance(widths, list):
            raise InputError(f"A model shape lacks its two lists; expected {wanted}.")
        if len(heads) != len(widths):
            raise InputError(
                f"A model shape names {len(heads)} layers in num_heads and {len(widths)} in "
                f"intermediate_size; expected {wanted}."
            )
        _check_number(len(heads))
        return cls(tuple(LayerShape(h, w) for h, w in zip(heads, widths, strict=True)))


def _check_number(layers: int) -> None:
    if layers > MOST_LAYERS:
        raise InputError(
            f"A model shape has {layers:,} layers; {MOST_LAYERS:,} is the most that is believed."
        )
