"""Prune a trained transformer question-answering model to layers of unequal size.

Importing this package is light: neither torch nor transformers is loaded before it is used. As soon as
both are, transformers' own classes, and so AutoModelForQuestionAnswering, can load pruned models as well.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prune.stock import teach_when_imported

if TYPE_CHECKING:
    from prune.checkpoint import load, save
    from prune.shape import LayerShape, ModelShape
    from trellis.errors import InputError

__all__ = ["InputError", "LayerShape", "ModelShape", "load", "save"]

_HOMES = {
    "load": "prune.checkpoint",
    "save": "prune.checkpoint",
    "InputError": "trellis.errors",
    "LayerShape": "prune.shape",
    "ModelShape": "prune.shape",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'prune' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


teach_when_imported()
