"""Teaches AutoModelForQuestionAnswering to build cut models; whole models stay as they are.

Imports nothing that loads transformers' auto classes: it is called as soon as those are loaded.
"""

from typing import Any

import transformers
from transformers import PreTrainedModel

from prune.arch import ARCHITECTURES, Architecture
from prune.shape import ModelShape
from prune.shrink import resize
from prune.source import SHAPE_KEY


def register(modeling_auto: Any) -> None:
    """Register a class for each architecture in the freshly loaded module of auto classes."""
    for architecture in ARCHITECTURES.values():
        sized = sized_class(architecture)
        modeling_auto.AutoModelForQuestionAnswering.register(sized.config_class, sized, exist_ok=True)


def sized_class(architecture: Architecture) -> type[PreTrainedModel]:
    """The stock class, but built with the Linears that the config's shape asks for.

    What is built then calls itself the stock class again, so that types, saved `architectures` and copies
    of whole and cut models alike are those of transformers.
    """
    stock: type[PreTrainedModel] = getattr(transformers, architecture.model_class)

    def build(self: PreTrainedModel, config: Any, *args: Any, **kwargs: Any) -> None:
        stock.__init__(self, config, *args, **kwargs)
        shape = getattr(config, SHAPE_KEY, None)
        if shape is not None:
            resize(self, ModelShape.from_dict(shape))
        self.__class__ = stock

    members = {"__init__": build, "__module__": stock.__module__, "__doc__": stock.__doc__}
    return type(stock.__name__, (stock,), members)
