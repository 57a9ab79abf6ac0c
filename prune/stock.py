"""Teaches the stock classes of transformers to build cut models; whole models are built as ever.

Done to the classes themselves, so that every way to a model leads past it: AutoModel, a pipeline, the class by
its own name. Registering classes with AutoModel is a way that some releases of transformers leave closed.
"""

from collections.abc import Iterable
from functools import partial, wraps
from importlib import import_module
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.family import Family
from prune.shape import ModelShape
from prune.source import SHAPE_KEY
from prune.tasks import TASKS
from prune.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def teach_when_imported(
    families: Iterable[Family] = FAMILIES.values(), tasks: Iterable[Task] = TASKS.values()
) -> None:
    """Have each family's classes build what a config's shape asks for, from when their module is imported."""
    for family, task in product(families, tasks):
        wrapt.register_post_import_hook(partial(_teach, task.class_in(family)), family.module)


def stock_class(encoder: Encoder) -> "type[PreTrainedModel]":
    """The class of transformers for that family and task; it builds whole and cut models."""
    name = encoder.task.class_in(encoder.family)
    model_class: type[PreTrainedModel] = getattr(import_module(encoder.family.module), name)
    return model_class


def _teach(model_class: str, module: ModuleType) -> None:
    stock = getattr(module, model_class)
    build_whole = stock.__init__

    @wraps(build_whole)
    def build(self: "PreTrainedModel", config: Any, *args: Any, **kwargs: Any) -> None:
        build_whole(self, config, *args, **kwargs)
        shape = getattr(config, SHAPE_KEY, None)
        if shape is not None:
            from prune.cut import resize  # loads torch, which by now is loaded

            resize(self, ModelShape.from_dict(shape))

    stock.__init__ = build
