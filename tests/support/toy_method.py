"""A method that nothing but this file and the registry knows of: what is loudest where it is read stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from prune.cost.passes import FORWARD, Passes
from prune.families.layers import layers_of
from prune.methods import METHODS
from prune.methods.batches import training_batches
from prune.methods.job import Job
from prune.methods.method import Method, Need, Scored
from prune.methods.target import Target
from prune.plan import Scores
from trellis.errors import InputError
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.work import Work


@dataclass(frozen=True)
class Loudness(Method):
    """Loudness, of method loudness."""

    name: ClassVar[str] = "loudness"
    does: ClassVar[str] = "keeps what is loudest"
    needs: ClassVar[Need] = "text"

    heard_questions: int = 9
    """Listen to this many questions."""

    def rank(self, job: Job, target: Target | None, work: "Work", progress: Report) -> Scored:
        windows = job.sample(self.heard_questions)
        if not windows:
            raise InputError("There is no text to listen to; give at least one question.")
        model, heard = job.subject.model, {}
        layers = layers_of(model)
        linears = [layer.attention_output for layer in layers] + [layer.output for layer in layers]

        def listen(linear: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            loud = inputs[0].abs().sum((0, 1)).double()
            heard[linear] = heard.get(linear, 0) + loud

        hooks = [linear.register_forward_pre_hook(listen) for linear in linears]
        with torch.no_grad():
            for batch in training_batches(model, windows, pad_token_id=0):
                model(**{name: values for name, values in batch.items() if "positions" not in name})
        for hook in hooks:
            hook.remove()
        loud = [heard[linear].numpy() for linear in linears]
        heads = (
            np.reshape(each, (layer.num_heads, -1)).sum(1) for each, layer in zip(loud, layers, strict=False)
        )
        return Scored(Scores(tuple(heads), tuple(loud[len(layers) :])))

    def passes(self, job: Job, target: Target | None) -> Iterator[Passes]:
        if lot := job.sample_lot(self.heard_questions):
            yield job.counter.passes("listening", lot, job.shapes, FORWARD)


@contextmanager
def registered() -> Iterator[None]:
    """The toy is one of the methods within."""
    METHODS[Loudness.name] = Loudness
    try:
        yield
    finally:
        del METHODS[Loudness.name]
