"""What a run of prune-export would do, without doing it: sizes, multiply-adds, time."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from export.checks import check_machine, profiles_of, stays_as_it_is, teacher_of
from export.choice import read_wanted
from export.data import Data, read_data
from export.gating import penalties_of
from export.report import SEQ, layer_table
from export.request import Request
from prune.choose.random import random_scores
from prune.cost import multiply_adds, parameters
from prune.families.encoder import Encoder
from prune.plan import Plan, plan_fractions
from prune.progress import duration
from prune.qa.builtin import builtin_questions, search_questions
from prune.qa.task import Exam, TrainingData
from prune.search import LARGEST_PERCENT
from prune.shape import LayerShape, ModelShape
from prune.subject import Subject, open_subject

TIMED_LENGTH = 128
"""Tokens of the forward pass that the time is judged by: about a question with a paragraph."""

TIMED_PASSES = 6

GAIN_COST = 3
"""A forward and a backward pass, in forward passes."""

TRAINING_COST = 4
"""The same with gradients of all weights, and their update."""


def forecast(request: Request, console: Console) -> None:
    """Print what `request` would do. Reads the model and the data sets; writes and trains nothing."""
    request.check_paths()
    check_machine(request)
    if request.is_demo:
        console.print("The demo would be trained, which takes about five minutes, then cut and measured.")
        return
    data = read_data(request)
    subject = open_subject(request.model, revision=request.revision)
    teacher_of(request, subject)  # is refused here as it would be then
    profiles_of(request, subject.source.encoder)
    for line in _lines(request, subject, data, read_wanted(request, subject)):
        if isinstance(line, Table):
            console.print(line)
        else:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(
    request: Request, subject: Subject, data: Data, wanted: Plan | ModelShape | None
) -> Iterator[str | Table]:
    source = subject.source
    whole = source.original_shape
    yield f"{source.name}: {source.encoder.model_type}, {len(whole.layers)} layers, licence {source.licence()}."
    passes = 2 * _count(data.dev)
    choosing = 0.0
    if stays_as_it_is(request, source):
        yield "It would be exported as it is."
        after = source.shape
    elif request.amount_given:
        after, layers_known = _shape(request, source.shape, wanted)
        if layers_known:
            yield layer_table(source.name, after, whole)
        elif after is source.shape:
            yield "Gates would be trained against λ: what they leave, only training can say. Were nothing to go:"
        else:
            yield f"Units would be chosen by {request.method}: layers come out unequal, with these totals."
        choosing = 0.0 if isinstance(wanted, Plan) else _choosing(request, source.shape, data, wanted)
    else:
        questions = len(data.calibration or search_questions(request.seed))
        checked = questions if data.train else questions // 2
        trials = LARGEST_PERCENT.bit_length()
        choosing = questions + trials * checked
        if data.train:
            choosing += _choosing(request, source.shape, data, None)
        else:
            choosing += GAIN_COST * (questions // 2)
        yield (
            f"It would be cut as far as {request.min_agreement:g} % agreement on {questions} questions allows, in "
            f"{trials} trials; how far that is, only the search can say. Were half to go:"
        )
        after = _total(source.shape.num_heads // 2, source.shape.intermediate_size // 2, whole)
    yield (
        f"Heads {whole.num_heads} → {after.num_heads}, feed-forward activations {whole.intermediate_size} → "
        f"{after.intermediate_size}."
    )
    before_cost, after_cost = (
        multiply_adds(source.encoder, shape, batch=1, seq=SEQ) for shape in (whole, after)
    )
    size = _bytes(request, source.encoder, after) / 2**20
    yield (
        f"Multiply-adds at {SEQ} tokens: {before_cost / 1e9:.2f} → {after_cost / 1e9:.2f} G, "
        f"{before_cost / after_cost:.2f}× fewer; {request.out} about {size:.0f} MiB."
    )
    epochs = request.retrain or request.distill
    if epochs:
        share = after_cost / multiply_adds(source.encoder, source.shape, batch=1, seq=SEQ)
        teacher = 1 if request.distill else 0
        choosing += epochs * _count(data.train) * (TRAINING_COST * share + teacher)
        yield f"Then {'distilled' if request.distill else 'retrained'}, {epochs:g} times over the training data."
    seconds = _seconds(subject) * (passes + choosing + 30)
    unknown = [
        flag
        for flag, found, is_used in (
            ("--train", data.train, epochs or request.method != "random"),
            ("--dev", data.dev, True),
        )
        if found and is_used and found.num_questions is None
    ]
    beside = (
        f", for all but the questions of {' and '.join(unknown)}, which are not counted" if unknown else ""
    )
    yield f"Time: about {duration(seconds)}{beside}, and some for reading and writing."


def _bytes(request: Request, encoder: Encoder, shape: ModelShape) -> int:
    """Of the weights in the file; int8 leaves the embeddings in fp32."""
    everything = parameters(encoder, shape)
    outside = parameters(encoder, ModelShape(tuple(LayerShape(0, 0) for _ in shape.layers)))
    sizes = {
        "fp32": 4 * everything,
        "fp16": 2 * everything,
        "int8": 4 * outside + everything - outside,
    }
    return sizes[request.precision]


def _choosing(request: Request, shape: ModelShape, data: Data, wanted: ModelShape | None) -> float:
    """Forward passes that scoring takes."""
    if request.method == "random":
        return 0
    if request.method == "l0":
        penalties = penalties_of(request, shape, wanted)
        runs = min(len(penalties), 1) if request.joint else len(penalties)
        passes = GAIN_COST + (1 if request.gates.distill else 0)
        return runs * passes * request.gate_share * request.gates.epochs * _count(data.train)
    if not data.train:
        return (1 + GAIN_COST) * len(builtin_questions())
    return GAIN_COST * min(request.train_questions or _count(data.train), _count(data.train))


def _count(data: TrainingData | Exam[Any, Any] | None) -> int:
    """Questions to read; 0 where nobody has counted them."""
    return (data.num_questions or 0) if data else 0


def _shape(request: Request, shape: ModelShape, wanted: Plan | ModelShape | None) -> tuple[ModelShape, bool]:
    """What is left of `shape`, and whether its layers are known; else only its totals are (see `_total`)."""
    if wanted:
        return (wanted.shape if isinstance(wanted, Plan) else wanted), True
    if request.lambda_heads is not None or request.lambda_ffn is not None:
        return shape, False
    heads, intermediate = request.prune_heads or 0.0, request.prune_ffn or 0.0
    if request.method == "random":
        scores = random_scores(shape, seed=request.seed)
        multiple_of = request.multiple_of or 1
        return plan_fractions(
            scores, heads=heads, intermediate=intermediate, multiple_of=multiple_of
        ).shape, True
    return _total(
        shape.num_heads - round(heads * shape.num_heads),
        shape.intermediate_size - round(intermediate * shape.intermediate_size),
        shape,
    ), False


def _total(num_heads: int, intermediate_size: int, shape: ModelShape) -> ModelShape:
    """A shape with these totals. Costs are sums over units, so that it does not matter which layer has them."""
    others = (LayerShape(0, 0),) * (len(shape.layers) - 1)
    return ModelShape((LayerShape(num_heads, intermediate_size), *others))


def _seconds(subject: Subject) -> float:
    """Duration of one forward pass over one window: the shortest of several, as others may be at work too."""
    ids = torch.full((1, min(TIMED_LENGTH, subject.source.encoder.max_length)), 1)
    durations = []
    for _ in range(TIMED_PASSES):
        began = time.perf_counter()
        with torch.no_grad():
            subject.model(input_ids=ids, attention_mask=torch.ones_like(ids))
        durations.append(time.perf_counter() - began)
    return min(durations)
