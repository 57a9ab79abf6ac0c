"""How fast this machine computes: a rate, measured on the model itself, that turns counted work into time."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from prune.cost import multiply_adds
from prune.loaded_model import LoadedModel
from prune.modes import evaluating, placed
from trellis.ranks import ranks

_ROWS, _TOKENS = 4, 128
_PASSES, _PATIENCE = 7, 4.0
"""So many passes are timed, or as many as there are in so many seconds of computing, at least three."""


@dataclass(frozen=True)
class Rate:
    """Multiply-adds in a second where nothing else is at work, and what is."""

    slowest: float
    median: float
    fastest: float
    load: float | None
    """Processes that wanted a core in the minute before; None where the system does not say."""
    cores: int


def measured_rate(subject: LoadedModel) -> Rate:
    """Of forward passes of the model, on the device that it will be computed on.

    On CPUs it is the processor's time on one thread that counts, so that other programs at work change little.
    """
    encoder, device, cores = subject.source.encoder, ranks().device, torch.get_num_threads()
    tokens = min(_TOKENS, encoder.max_length)
    work = multiply_adds(encoder, subject.source.shape, batch=_ROWS, seq=tokens)
    model, on_cpu = subject.model, device.type == "cpu"
    clock, threads = (time.thread_time, cores) if on_cpu else (time.perf_counter, 1)
    with placed(model, device), evaluating(model), torch.no_grad(), _threads(1 if on_cpu else cores):
        ids = torch.full((_ROWS, tokens), 1, device=model.device)
        mask = torch.ones_like(ids)
        # what is copied back is waited for
        seconds = _timed(lambda: model(input_ids=ids, attention_mask=mask)[0].cpu(), clock)
    rates = [threads * work / max(each, 1e-9) for each in seconds]
    load = os.getloadavg()[0] if on_cpu and hasattr(os, "getloadavg") else None
    return Rate(min(rates), statistics.median(rates), max(rates), load, cores)


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    call()  # the first one is slower than all others
    seconds: list[float] = []
    while len(seconds) < 3 or (len(seconds) < _PASSES and sum(seconds) < _PATIENCE):
        began = clock()
        call()
        seconds.append(clock() - began)
    return seconds


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
