"""Prune a trained transformer question-answering model to layers of unequal size.

Importing this package is light: neither torch nor transformers is loaded before it is used. As soon as
both are, transformers' own classes, and so AutoModelForQuestionAnswering, can load pruned models as well.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prune.stock import teach_when_imported

if TYPE_CHECKING:
    from prune.checkpoint import load, save
    from prune.methods.gain.method import Gain
    from prune.methods.l0.method import L0
    from prune.methods.random import Random
    from prune.options import Amount, Data, Training
    from prune.pruned import Pruned
    from prune.pruning import prune
    from prune.shape import LayerShape, ModelShape
    from prune.train.settings import TrainingSettings
    from trellis.errors import InputError

__all__ = [
    "L0",
    "Amount",
    "Data",
    "Gain",
    "InputError",
    "LayerShape",
    "ModelShape",
    "Pruned",
    "Random",
    "Training",
    "TrainingSettings",
    "load",
    "prune",
    "save",
]

_HOMES = {
    "prune": "prune.pruning",
    "Pruned": "prune.pruned",
    "Amount": "prune.options",
    "Data": "prune.options",
    "Training": "prune.options",
    "TrainingSettings": "prune.train.settings",
    "Gain": "prune.methods.gain.method",
    "L0": "prune.methods.l0.method",
    "Random": "prune.methods.random",
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
