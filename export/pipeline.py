"""The whole road: source → model → plan → cut → measured → written. One function per stage, in order."""

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from transformers import PreTrainedModel

from export.artifact import Artifact, write_artifact
from export.request import Request
from prune.checkpoint import save
from prune.choose.score import score
from prune.layers import shape_of
from prune.plan import Plan, plan_fractions, plan_shape
from prune.qa.builtin import builtin_questions, search_questions
from prune.qa.compare import Comparison, compare
from prune.qa.json_file import read_json, write_json
from prune.qa.questions import Question
from prune.qa.settings import DECODING_FILE
from prune.qa.spans import Prediction
from prune.qa.squad import read_squad
from prune.qa.windows import Window, pad_token_id_of
from prune.search import Progress, Search, own_answers, search
from prune.shape import ModelShape
from prune.shrink import shrink
from prune.source import PROVENANCE_FILE, Source
from prune.subject import Subject, open_subject

SEARCH_MULTIPLE = 8
"""What a search rounds feed-forward widths up to: the last vector of an odd width is computed half empty."""


@dataclass(frozen=True)
class Outcome:
    """What a run of prune-export did."""

    source: Source
    plan: Plan | None
    """What was kept of the source; None where it was exported as it is."""
    how: str
    """In words: what decided the amount."""
    search: Search | None
    own_questions: bool
    """Whether the search asked the user's questions, not the built-in ones."""
    accuracy: Comparison | None
    artifact: Artifact
    seconds: float


@dataclass(frozen=True)
class Data:
    """The question sets that the user named, read and checked; None where not given."""

    train: Sequence[Question] | None
    dev: Sequence[Question] | None
    calibration: Sequence[Question] | None


def run(request: Request, progress: Progress) -> Outcome:
    """Do what `request` asks. Raises InputError or ParityError; an existing output then stays as it was."""
    began = time.monotonic()
    request.check_paths()
    if request.is_demo:
        request = _with_demo(request, progress)
    data = read_data(request)
    subject = open_subject(request.model, revision=request.revision)
    plan, how, found = choose(request, subject, data, progress)
    cut = shrink(subject.model, plan) if plan else subject.model
    settings = subject.settings
    accuracy = measure(data.dev, subject, cut, progress) if data.dev else None
    if accuracy and accuracy.after.score.no_answer_total:  # else there is nothing to learn refusing from
        settings = replace(settings, null_threshold=accuracy.after.null_threshold)
    provenance = subject.source.provenance()
    if plan:
        provenance |= {"method": request.method, "seed": request.seed, "how": how}
    progress("writing and checking the graph", 0, 1)
    artifact = write_artifact(
        cut,
        subject.tokenizer,
        settings,
        request.out,
        dialect=request.target,
        model_name=str(provenance.get("model_name", subject.source.name)),
        provenance=provenance,
    )
    if request.save_model:
        beside = {DECODING_FILE: settings.to_dict(), PROVENANCE_FILE: provenance}
        save(cut, subject.tokenizer, request.save_model, beside=beside)
    outcome = Outcome(
        subject.source,
        plan,
        how,
        found,
        data.calibration is not None,
        accuracy,
        artifact,
        time.monotonic() - began,
    )
    if request.json_file:
        write_json(request.json_file, to_dict(outcome), indent=2)
    return outcome


def read_data(request: Request) -> Data:
    """Read the question sets that the user named, of --train as many as gain is to be measured on."""
    train = read_squad(request.train, split="train") if request.train else None
    if train and 0 < request.train_questions < len(train):
        train = random.Random(request.seed).sample(train, request.train_questions)
    return Data(
        train,
        read_squad(request.dev, split="validation") if request.dev else None,
        read_squad(request.calibration, split="validation") if request.calibration else None,
    )


def _with_demo(request: Request, progress: Progress) -> Request:
    """The request with the word `demo` replaced by its model directory, which is trained if need be."""
    from prune.demo import DEV_FILE, TrainingPlan, find_encoder, train_demo

    encoder = find_encoder()  # before anything is made
    directory = request.work_directory / "demo"
    directory.parent.mkdir(parents=True, exist_ok=True)
    train_demo(
        directory,
        TrainingPlan(seed=request.seed),
        encoder=encoder,
        progress=lambda done, total: progress("training the demo", done, total),
    )
    return replace(request, model=str(directory), dev=request.dev or str(directory / DEV_FILE))


def choose(
    request: Request, subject: Subject, data: Data, progress: Progress
) -> tuple[Plan | None, str, Search | None]:
    """What to keep, in words how that was decided, and the search if there was one."""
    source = subject.source
    if request.no_prune:
        return None, "exported unchanged (--no-prune)", None
    if request.amount_given:
        plan = _plan_amount(request, subject, data.train, progress)
        return plan, "removed what the command line asked for", None
    if source.shape != source.original_shape:
        return None, "the model is already cut and is exported as it is", None
    questions = data.calibration or search_questions(request.seed)
    found = search(
        subject.model,
        subject.tokenizer,
        questions,
        settings=subject.settings,
        train=data.train,
        method=request.method,
        min_agreement=request.min_agreement,
        multiple_of=request.multiple_of or SEARCH_MULTIPLE,
        seed=request.seed,
        progress=progress,
    )
    if found.plan is None:
        return None, f"exported whole: {found.reason}", found
    return found.plan, f"removed as much as keeps {request.min_agreement:g} % agreement", found


def _plan_amount(
    request: Request, subject: Subject, train: Sequence[Question] | None, progress: Progress
) -> Plan:
    wanted = ModelShape.from_dict(read_json(request.shape, "model shape")) if request.shape else None
    if wanted:
        wanted.check_within(shape_of(subject.model))
    windows: list[Window] = []
    if request.method != "random":
        questions = train or own_answers(
            subject.model,
            subject.tokenizer,
            builtin_questions(),
            subject.settings,
            lambda done, total: progress("asking the model", done, total),
        )
        windows = subject.windows(questions)
    scores = score(
        request.method,
        subject.model,
        windows,
        pad_token_id=pad_token_id_of(subject.tokenizer),
        seed=request.seed,
        progress=lambda done, total: progress("scoring heads and activations", done, total),
    )
    if wanted:
        return plan_shape(scores, wanted)
    return plan_fractions(
        scores,
        heads=request.prune_heads or 0.0,
        intermediate=request.prune_ffn or 0.0,
        multiple_of=request.multiple_of or 1,
    )


def measure(
    questions: Sequence[Question], subject: Subject, cut: PreTrainedModel, progress: Progress
) -> Comparison:
    """Ask the model before and after the cut the same annotated questions."""

    def ask(what: str, model: PreTrainedModel) -> list[Prediction]:
        return subject.answer(questions, model, lambda done, total: progress(what, done, total))

    before = ask("answering before the cut", subject.model)
    after = before if cut is subject.model else ask("answering after the cut", cut)
    return compare(questions, before, after)


def to_dict(outcome: Outcome) -> dict[str, Any]:
    """Everything that was found, as plain values for JSON."""
    metadata = outcome.artifact.metadata
    searched = outcome.search
    return {
        "format": 1,
        "path": str(outcome.artifact.path),
        "bytes": outcome.artifact.bytes,
        "seconds": outcome.seconds,
        "model": metadata.model_name,
        "how": outcome.how,
        "shape": metadata.shape.to_dict(),
        "original_shape": metadata.original_shape.to_dict(),
        "parity": outcome.artifact.parity.to_dict(),
        "provenance": dict(metadata.provenance),
        "search": asdict(searched) | {"plan": None} if searched else None,
        "accuracy": asdict(outcome.accuracy) if outcome.accuracy else None,
    }
