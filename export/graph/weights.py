"""From a live torch model to names and numpy arrays, without copying."""

from typing import Any

from numpy.typing import NDArray
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original, shape_of
from prune.families.tensors import tensors_of


def weights_of(model: PreTrainedModel) -> dict[str, NDArray[Any]]:
    """The weights that prune.families.tensors names, as float32 arrays that share the model's memory on a CPU."""
    encoder, _ = encoder_and_original(model)
    state = model.state_dict()
    return {
        name: state[tensor.key].detach().float().cpu().numpy()
        for name, tensor in tensors_of(encoder, shape_of(model)).items()
    }
