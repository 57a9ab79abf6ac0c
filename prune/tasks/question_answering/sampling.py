"""Noise in how words are cut, which tokenizers add to texts that a model is trained with."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_NOISES = ("dropout", "alpha", "nbest_size")
"""BPE's, which tokenizer.json keeps, and Unigram's."""


def set_noise_aside(backend: "Tokenizer") -> None:
    """Change `backend` so that it reads a text the same way every time, and is saved so."""
    model: Any = backend.model
    for name in _NOISES:
        if getattr(model, name, None) is not None:
            setattr(model, name, None)
