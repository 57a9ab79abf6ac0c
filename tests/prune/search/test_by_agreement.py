"""The search for the largest cut that a model's own answers allow, on a tiny model that answers for real."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support import tiny
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from prune.cut import shrink
from prune.families.layers import shape_of
from prune.methods import method_named
from prune.methods.job import Job
from prune.methods.random import random_scores
from prune.plan import plan_fractions
from prune.search.agreement import agreement
from prune.search.by_agreement import LARGEST_PERCENT, ByAgreement, Search
from prune.shape import LayerShape, ModelShape
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.builtin import halves
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.squad.task import SquadTraining
from prune.tasks.torch_runner import torch_runner
from prune.work import open_work
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=64, stride=8, max_question_length=16, max_answer_length=5)
_THINGS = ("pear", "wall", "river", "gardener", "winter", "bridge", "sun", "stone")


def _questions() -> list[Question]:
    """Eight paragraphs, four questions each."""
    asked = []
    for number, thing in enumerate(_THINGS):
        other, season = _THINGS[number - 5], _THINGS[number - 3]
        context = (
            f"The old {thing} stood by the {other} until {1871 + number}. "
            f"Ada Birch measured the {thing} every {season}, and her sons painted it."
        )
        for which in (f"Who measured the {thing}?", "When?", f"What stood by the {other}?", "Who painted?"):
            asked.append(Question(str(len(asked)), which, context))
    return asked


QUESTIONS = _questions()
Find = Callable[..., Search]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny.tokenizer([text for question in QUESTIONS for text in (question.question, question.context)])


@pytest.fixture
def find(tokenizer: PreTrainedTokenizerFast) -> Find:
    def find(
        model: PreTrainedModel | None = None,
        *,
        settings: DecodingSettings = SETTINGS,
        method: str = "gain",
        train: SquadTraining | None = None,
        seed: int = 0,
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
        **options: Any,
    ) -> Search:
        job = Job(tiny.subject(model or tiny.model(seed=1), tokenizer, settings), train, seed=seed)
        amount = ByAgreement(**{"questions": QUESTIONS, "multiple_of": 1} | options)
        with open_work(None) as work:
            choice = amount.settle(method_named(method)(), job, work, progress)
        found: Search = choice.search
        assert choice.plan == found.plan
        return found

    return find


@pytest.mark.parametrize("method", ["gain", "random"])
@pytest.mark.parametrize("min_agreement", [30, 50, 70])
def test_the_cut_found_passes_and_one_percent_more_does_not(
    find: Find, method: str, min_agreement: float
) -> None:
    found = find(method=method, min_agreement=min_agreement)
    tried = {trial.percent: trial.agreement for trial in found.trials}
    assert len(tried) == len(found.trials)
    assert found.reason is None
    assert found.agreement == tried[found.percent]
    assert tried[found.percent].mean >= min_agreement
    assert found.percent == LARGEST_PERCENT or tried[found.percent + 1].mean < min_agreement


def test_its_plan_removes_that_percentage_and_keeps_that_agreement(
    find: Find, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = tiny.model(seed=1)
    found = find(model)
    assert found.plan is not None
    heads, units = found.plan.shape.num_heads, found.plan.shape.intermediate_size
    assert (8 - heads, 24 - units) == (round(found.percent / 100 * 8), round(found.percent / 100 * 24))
    checking = halves(QUESTIONS, 0)[1]
    whole, cut = (
        [one.answer(0.0) for one in answer(checking, tokenizer, torch_runner(smaller), settings=SETTINGS)]
        for smaller in (model, shrink(model, found.plan))
    )
    assert agreement(checking, whole, cut) == found.agreement
    assert (found.scoring_questions, found.checking_questions) == (16, 16)


def test_a_cut_that_rounding_gives_back_is_no_cut(find: Find) -> None:
    found = find(method="random", min_agreement=100)  # a few percent of 8 heads and 24 activations is none
    assert any(trial.agreement.mean == 100 for trial in found.trials)
    assert (found.plan, found.percent, found.agreement) == (None, 0, None)
    assert found.reason is not None


def test_where_any_agreement_will_do_the_largest_cut_is_found(find: Find) -> None:
    found = find(min_agreement=0)
    assert found.percent == LARGEST_PERCENT
    assert found.plan is not None
    assert found.plan.shape.num_heads == 8 - round(LARGEST_PERCENT / 100 * 8)


def test_where_no_cut_passes_the_whole_model_is_kept_and_it_says_why(find: Find) -> None:
    shape = ModelShape((LayerShape(64, 100),))  # one percent of 64 heads is a head
    fragile = tiny.model(shape=shape, hidden_size=64, embedding_size=64, head_size=1)
    for name, parameter in fragile.named_parameters():
        if "layer" in name and parameter.ndim == 2:
            parameter.data *= 10
    found = find(fragile, min_agreement=100, method="random")
    assert (found.plan, found.percent, found.agreement) == (None, 0, None)
    assert found.reason == "no cut keeps 100 % agreement with the model's own answers"
    assert [trial.percent for trial in found.trials] == [31, 15, 7, 3, 1]


@pytest.mark.parametrize(
    ("null_threshold", "reason"),
    [
        (-1.0, "the model gives no answer to 32 of 32 questions"),
        (0.0, "the model gives the answer 'The' to 32 of 32 questions"),
    ],
)
def test_constant_answers_guide_no_cut(find: Find, null_threshold: float, reason: str) -> None:
    model = tiny.model()
    model.qa_outputs.weight.data.zero_()  # every span is worth the same, the earliest and shortest wins
    told: set[str] = set()
    found = find(
        model,
        settings=replace(SETTINGS, null_threshold=null_threshold),
        progress=lambda what, done, total: told.add(what),
    )
    assert told == {"asking the model"}  # no method is set to work in vain
    assert found.plan is None
    assert found.trials == ()
    assert found.reason == f"{reason}, which says nothing of what it needs"


def test_the_same_seed_finds_the_same(find: Find) -> None:
    assert find(method="random", seed=3) == find(method="random", seed=3)
    assert find() == find()
    assert find(method="random", seed=3).trials != find(method="random", seed=4).trials


def test_the_model_stays_as_it_was(find: Find) -> None:
    model = tiny.model(seed=1).train()
    before = copy.deepcopy(model)
    find(model)
    assert tiny.same_weights(model, before)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_cut_model_can_be_searched_further(find: Find) -> None:
    cut = shrink(tiny.model(seed=1), tiny.UNEVEN)
    found = find(cut, min_agreement=50)
    assert found.plan is not None
    found.plan.shape.check_within(shape_of(cut))


def test_where_there_are_annotated_questions_all_that_the_model_answers_check_the_cut(find: Find) -> None:
    options: dict[str, Any] = {"method": "random", "train": SquadTraining(QUESTIONS), "seed": 5}
    found = find(min_agreement=50, **options)
    assert (found.scoring_questions, found.checking_questions) == (0, 32)
    fraction = found.percent / 100
    scores = random_scores(tiny.WHOLE, seed=5)
    assert found.plan == plan_fractions(scores, heads=fraction, intermediate=fraction)
    alone = find(min_agreement=50, questions=QUESTIONS[:4], **options)  # one paragraph: nothing to halve
    assert alone.checking_questions == 4


def test_a_models_own_answers_lie_in_their_context_and_refusals_have_none(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    model = tiny.model(seed=1)
    odds = [one.null_odds for one in answer(QUESTIONS, tokenizer, torch_runner(model), settings=SETTINGS)]
    half_refused = replace(SETTINGS, null_threshold=float(np.median(odds)))
    labelled = Job(tiny.subject(model, tokenizer, half_refused), text=QUESTIONS).own_answers()
    assert [(one.id, one.context) for one in labelled] == [(one.id, one.context) for one in QUESTIONS]
    assert Counter(len(question.answers) for question in labelled) == {0: 16, 1: 16}
    for question in labelled:
        for own in question.answers:
            assert own.text
            assert question.context[own.start :].startswith(own.text)


def test_progress_tells_each_stage_to_its_end(find: Find) -> None:
    told: dict[str, tuple[int, int]] = {}
    found = find(progress=lambda what, done, total: told.update({what: (done, total)}))
    stages = ["asking the model", "scoring heads and activations"]
    assert list(told) == stages + [f"trying {trial.percent} % removed" for trial in found.trials]
    assert all(done == total > 0 for done, total in told.values())


@pytest.mark.parametrize("wanted", [-1, 100.1, float("nan")])
def test_agreement_is_a_percentage(find: Find, wanted: float) -> None:
    with pytest.raises(InputError, match="expected a percentage from 0 to 100"):
        find(min_agreement=wanted)


def test_too_few_questions_are_refused(find: Find) -> None:
    with pytest.raises(InputError, match="no questions to ask"):
        find(questions=[])
    with pytest.raises(InputError, match="no questions to ask"):
        find(questions=[], train=SquadTraining(QUESTIONS))
    with pytest.raises(InputError, match=r"1 paragraph\(s\); at least two"):
        find(questions=QUESTIONS[:4])
