"""Evaluation mode, frozen weights, another device: ways to borrow a model and give it back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
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


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No weight of `model` gets a gradient within; afterwards those do that did before."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def placed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """`model` on `device` within; afterwards back where its first weight was."""
    home = next(model.parameters()).device
    model.to(device)
    try:
        yield
    finally:
        model.to(home)
