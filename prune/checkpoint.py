"""Model directories in and out: stock config.json with the per-layer shape, safetensors, tokenizer.

A cut model is an instance of the stock transformers class whose Linears are narrower, so that everything
made for that class works on it; only building one anew needs to know the shape, which `register` teaches
to AutoModelForQuestionAnswering.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES

from prune.arch import ARCHITECTURES, Encoder
from prune.errors import InputError
from prune.shape import ModelShape
from prune.shrink import resize
from prune.source import SHAPE_KEY, Source, open_source
from prune.staging import replace_directory


def load(model: str | Path, *, revision: str | None = None) -> PreTrainedModel:
    """Load a question-answering model, cut or whole, in float32 and eval mode. Raises InputError."""
    return load_source(open_source(str(model), revision=revision))


def load_source(source: Source) -> PreTrainedModel:
    """Load the weights of an already checked model directory, in float32 and eval mode."""
    config = AutoConfig.from_pretrained(source.directory)
    loaded: PreTrainedModel = _sized(_stock_class(source.encoder.model_type)).from_pretrained(
        source.directory, config=config, use_safetensors=True, dtype=torch.float32, local_files_only=True
    )
    return loaded


def load_tokenizer(directory: Path) -> PreTrainedTokenizerBase:
    """The model's own tokenizer. Raises InputError where the directory holds none that works."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except Exception as error:  # transformers raises anything from OSError to its backend's own panics
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{directory} holds no usable tokenizer ({reason}); copy tokenizer.json and "
            "tokenizer_config.json from the model's source."
        ) from error
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise InputError(
            f"The tokenizer in {directory} is no fast tokenizer with a pad token; one is needed."
        )
    return tokenizer


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, directory: Path) -> None:
    """Write a model directory, whole or not at all; `load` reads it back, and so does AutoModel."""
    with replace_directory(directory) as staging:
        model.save_pretrained(staging)
        if tokenizer is not None:
            tokenizer.save_pretrained(staging)


def random_model(encoder: Encoder, shape: ModelShape, *, seed: int = 0) -> PreTrainedModel:
    """A model of the given sizes with random weights, in eval mode: fit for parity and for timing."""
    keys = encoder.architecture.keys
    widest = max(layer.intermediate_size for layer in shape.layers)
    sizes: dict[str, Any] = {
        keys.hidden_size: encoder.hidden_size,
        keys.num_layers: len(shape.layers),
        keys.num_heads: encoder.hidden_size // encoder.head_size,
        keys.intermediate_size: max(widest, 1),
        "vocab_size": encoder.vocab_size,
        "max_position_embeddings": encoder.max_position_embeddings,
        "pad_token_id": encoder.pad_token_id,
        SHAPE_KEY: shape.to_dict(),
    }
    if encoder.architecture.has_token_types:
        sizes["type_vocab_size"] = encoder.type_vocab_size
    if encoder.architecture.norm_eps is None:
        sizes["layer_norm_eps"] = encoder.layer_norm_eps
    if encoder.architecture.embeddings_project:
        sizes["embedding_size"] = encoder.embedding_size
    config = AutoConfig.for_model(encoder.model_type, **sizes)
    model: PreTrainedModel = _sized(_stock_class(encoder.model_type))(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.data.normal_(0, 0.02, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):  # a LayerNorm's
            parameter.data += 1
    model.train(False)
    return model


def register() -> None:
    """Let AutoModelForQuestionAnswering build cut models too; whole models stay as they are."""
    for model_type in ARCHITECTURES:
        stock = _stock_class(model_type)
        AutoModelForQuestionAnswering.register(stock.config_class, _sized(stock), exist_ok=True)


def _stock_class(model_type: str) -> type[PreTrainedModel]:
    import transformers

    stock: type[PreTrainedModel] = getattr(
        transformers, MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES[model_type]
    )
    return stock


def _sized(stock: type[PreTrainedModel]) -> type[PreTrainedModel]:
    """`stock`, but built with the Linears that the config's shape asks for.

    What is built then calls itself `stock` again, so that types, saved `architectures` and pickles of
    whole and cut models alike are those of transformers.
    """

    def build(self: PreTrainedModel, config: Any, *args: Any, **kwargs: Any) -> None:
        stock.__init__(self, config, *args, **kwargs)
        shape = getattr(config, SHAPE_KEY, None)
        if shape is not None:
            resize(self, ModelShape.from_dict(shape))
        self.__class__ = stock

    members = {"__init__": build, "__module__": stock.__module__, "__doc__": stock.__doc__}
    return type(stock.__name__, (stock,), members)
