"""What a cut model may cost, in multiply-adds."""

from transformers import PreTrainedModel

from prune.cost import multiply_adds
from prune.families.layers import encoder_and_original, shape_of
from prune.methods.target import Budget
from prune.shape import ModelShape
from trellis.errors import InputError


def fewer_multiply_adds(model: PreTrainedModel, ratio: float, *, seq: int = 384) -> Budget:
    """Multiply-adds of one text of `seq` tokens, `ratio` times fewer than `model` has now.

    Raises InputError for a ratio that is not above 1.
    """
    encoder, _ = encoder_and_original(model)
    if not ratio > 1:
        raise InputError(f"Multiply-adds are to be {ratio:g} times fewer; expected more than 1 times.")

    def cost(shape: ModelShape) -> float:
        return multiply_adds(encoder, shape, batch=1, seq=seq)

    return Budget(cost, cost(shape_of(model)) / ratio)
