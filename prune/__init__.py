"""Prune a trained transformer question-answering model to layers of unequal size.

Importing this package is light: neither torch nor transformers is loaded before it is used. As soon as
both are, transformers' own classes, and so AutoModelForQuestionAnswering, can load pruned models as well.
"""

from typing import TYPE_CHECKING

from prune.stock import teach_when_imported
from trellis.lazy import attributes_of

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

__getattr__ = attributes_of(__name__, _HOMES)


teach_when_imported()
