"""Evaluation mode for a while: one way to borrow a model and give it back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Dropout off within; afterwards each submodule is in the mode that it had, frozen ones included."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(False)
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
