"""What training changes about a model, and about transformers, beside the weights; all of it is undone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PRECISION = "ACCELERATE_MIXED_PRECISION"  # Trainer of transformers 4 leaves it set for whoever comes next


@contextmanager
def quiet() -> Iterator[None]:
    """No notices of transformers within, a fresh head's included, and no progress bars beside our own."""
    from transformers.utils import logging as library

    logging: Any = library  # its functions are not annotated
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def borrowed(model: "PreTrainedModel", *, dropout: float | None, precision: str) -> Iterator[None]:
    """Give `model` to a Trainer: afterwards nothing is left of it but other weights.

    Within, `dropout` replaces all its dropout rates, unless None. Weights of no elements, which a cut layer
    may have, take no part: they need no gradient, and would be missed by those who gather gradients.
    """
    empty = [weight for weight in model.parameters() if weight.requires_grad and not weight.numel()]
    rates = _dropout_rates(model)
    environment = os.environ.get(_PRECISION)
    # Mixed precision wraps forward and flags the model as done; Trainer of transformers 5 sets use_cache.
    attributes, config = dict(vars(model)), dict(vars(model.config))
    os.environ[_PRECISION] = precision
    try:
        for weight in empty:
            weight.requires_grad_(False)
        if dropout is not None:
            for module, name, _ in rates:
                setattr(module, name, dropout)
        yield
    finally:
        for owner, before in ((model, attributes), (model.config, config)):
            vars(owner).clear()
            vars(owner).update(before)
        for weight in empty:
            weight.requires_grad_(True)
        for module, name, rate in rates:
            setattr(module, name, rate)
        model.zero_grad(set_to_none=True)
        if environment is None:
            os.environ.pop(_PRECISION, None)
        else:
            os.environ[_PRECISION] = environment


def _dropout_rates(model: "PreTrainedModel") -> list[tuple[Any, str, float]]:
    """(module, attribute, rate): Dropout modules, and the number that attentions of transformers 4 hold."""
    from torch import nn

    rates: list[tuple[Any, str, float]] = []
    for module in model.modules():
        name = "p" if isinstance(module, nn.Dropout) else "dropout_prob"
        if isinstance(rate := getattr(module, name, None), float | int):
            rates.append((module, name, float(rate)))
    return rates
