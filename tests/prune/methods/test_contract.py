"""What holds of every method, a new one included: it needs what it says, computes what it says, and what it cuts
can be loaded."""

import copy
import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support import tiny, toy_method
from support.seeing import Seen, seeing
from transformers import PreTrainedModel

from prune.checkpoint import load, save
from prune.cost.passes import Passes
from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods import METHODS, chosen, method_named
from prune.methods.job import Job
from prune.methods.method import Cut, Method, Ranking
from prune.methods.target import Fractions, Sizes, Target, units_of
from prune.plan import KINDS
from prune.search.by_agreement import ByAgreement
from prune.search.given import Given
from prune.shape import LayerShape, ModelShape
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.squad.task import SquadTraining
from prune.train.settings import TrainingSettings
from prune.work import Work, open_work
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=6, max_answer_length=5)
TRAINING = TrainingSettings(batch_size=8, mixed_precision="no")
_THINGS = ("pear", "wall", "river", "gardener", "winter", "bridge", "sun", "stone")

TOY = toy_method.Loudness.name
every_method = pytest.mark.parametrize("name", [*METHODS, TOY])
TARGETS: dict[str, Target] = {
    "half of all": Fractions(0.5, 0.5),
    "heads alone": Fractions(0.25),
    "activations alone": Fractions(intermediate=0.75),
    "rounded": Fractions(0.5, 0.4, multiple_of=4),
    "sizes": Sizes(ModelShape((LayerShape(3, 0), LayerShape(0, 5)))),
}
every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_method.registered():
        yield


def questions(count: int = 24) -> list[Question]:
    """Three to a context; some contexts fill more than one window."""
    made = []
    for index in range(count):
        thing, other = _THINGS[index // 3 % 8], _THINGS[(index // 3 + 3) % 8]
        context = f"The old {thing} stood by the {other} ." + f" A {other} had no {thing} ." * (index // 6)
        answer = (thing, other, thing)[index % 3]
        made.append(Question(f"q{index}", "What stood ?", context, (Answer(answer, context.index(answer)),)))
    return made


QUESTIONS = questions()


def subject(seed: int = 1) -> LoadedModel:
    tokenizer = tiny.tokenizer([text for each in QUESTIONS for text in (each.question, each.context)])
    return tiny.subject(tiny.model(seed=seed), tokenizer, SETTINGS)


def unlabelled() -> list[Question]:
    return [replace(question, answers=()) for question in QUESTIONS]


def given(kind: str) -> Job:
    """A job with that to decide by, and no more."""
    job = Job(subject(), training=TRAINING)
    if kind == "labels":
        return replace(job, train=SquadTraining(QUESTIONS))
    return replace(job, text=unlabelled()) if kind == "text" else job


def enough(method: type[Method]) -> Job:
    return given(method.needs)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    with open_work(tmp_path / "work") as work:
        yield work


def silent(what: str, done: int, total: int) -> None:
    """Nobody listens."""


def ranked(name: str, job: Job, target: Target | None, work: Work) -> Ranking:
    return METHODS[name]().rank(job, target, work, silent)


@every_method
def test_it_is_called_as_it_is_registered_and_every_option_has_a_default(name: str) -> None:
    method = method_named(name)
    assert method.name == name
    assert is_dataclass(method)
    assert method() == method()
    options = {option.name: option for option in fields(method)}  # type: ignore[arg-type]
    assert all(option.default is not MISSING for option in options.values())
    assert set(method.binding) <= set(options)
    assert bool(method.about) or not method.binding
    with pytest.raises(AttributeError):
        method().name = "another"  # type: ignore[misc]


def test_options_of_two_methods_are_called_differently() -> None:
    names = [option.name for method in METHODS.values() for option in fields(method)]  # type: ignore[arg-type]
    assert len(names) == len(set(names))


def test_an_unknown_method_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"^method is 'pain'; there are .*gain.*random"):
        method_named("pain")


def test_the_one_chosen_has_the_options_given_and_the_others_must_not_need_it() -> None:
    l0, gain = METHODS["l0"], METHODS["gain"]
    given = (gain(train_questions=5), l0(), METHODS["random"]())  # type: ignore[call-arg]
    assert chosen("gain", given) == given[0]
    assert chosen("random", given) == METHODS["random"]()  # how many questions gain takes does no harm
    assert chosen(TOY, given) == METHODS[TOY]()
    weighed = l0(lambda_ffn=2.0)  # type: ignore[call-arg]
    assert chosen("l0", (gain(), weighed)) is weighed
    with pytest.raises(
        InputError, match=r"^lambda_ffn is about gates, which gain has none of; add method='l0'\.$"
    ):
        chosen("gain", (gain(), weighed))


@every_target
@every_method
def test_its_cut_comes_to_the_target_and_can_be_loaded(
    name: str, target: Target, work: Work, tmp_path: Path
) -> None:
    job = enough(METHODS[name])
    cut = ranked(name, job, target, work).cut(target)
    assert_within(cut, target, job.whole)
    smaller = cut.of(job.subject.model)
    assert shape_of(smaller) == cut.plan.shape
    save(smaller, job.subject.tokenizer, tmp_path / "cut")
    batch = tiny.batch_for(smaller)
    assert tiny.logits(load(tmp_path / "cut"), batch).equal(tiny.logits(smaller, batch))


def assert_within(cut: Cut, target: Target, whole: ModelShape) -> None:
    """The cut keeps to the target's budgets, and uses them: widths that are rounded up go beyond by less than that."""
    room = (getattr(target, "multiple_of", 1) - 1) * len(whole.layers)
    for budget in target.budgets(whole):
        assert budget.most <= budget.cost(whole)
        assert budget.most <= budget.cost(cut.plan.shape) <= budget.most + room


def test_no_sublayer_adds_to_two_budgets_and_each_adds_to_one() -> None:
    whole = tiny.WHOLE
    for target in TARGETS.values():
        for index, layer in enumerate(whole.layers):
            for field in ("num_heads", "intermediate_size"):
                more = replace(layer, **{field: getattr(layer, field) + 1})
                wider = ModelShape((*whole.layers[:index], more, *whole.layers[index + 1 :]))
                added = [budget.cost(wider) - budget.cost(whole) for budget in target.budgets(whole)]
                assert sorted(added) == [0.0] * (len(added) - 1) + [1.0]


@every_method
def test_the_model_stays_as_it_was(name: str, work: Work) -> None:
    job = enough(METHODS[name])
    model: PreTrainedModel = job.subject.model.train()
    before = copy.deepcopy(model)
    ranked(name, job, Fractions(0.5, 0.5), work).cut(Fractions(0.5, 0.5)).of(model)
    assert tiny.same_weights(model, before)
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())


@every_method
def test_the_same_seed_finds_the_same(name: str, work: Work, tmp_path: Path) -> None:
    target = Fractions(0.5, 0.5)
    job = enough(METHODS[name])
    with open_work(tmp_path / "other") as other:
        plans = [ranked(name, job, target, where).cut(target).plan for where in (work, other)]
    assert plans[0] == plans[1]


@every_method
def test_what_it_found_is_plain_and_what_it_warns_of_is_said_in_sentences(name: str, work: Work) -> None:
    ranking = ranked(name, enough(METHODS[name]), Fractions(0.5, 0.5), work)
    assert json.loads(json.dumps(dict(ranking.found), allow_nan=False)) == ranking.found
    assert all(warning.endswith(".") for warning in ranking.warnings)


@every_method
def test_without_what_it_needs_it_refuses_in_a_sentence(name: str, work: Work) -> None:
    needs = METHODS[name].needs
    for less in {"nothing": [], "text": ["nothing"], "labels": ["nothing", "text"]}[needs]:
        with pytest.raises(InputError) as refusal:
            ranked(name, given(less), Fractions(0.5, 0.5), work)
        assert str(refusal.value).endswith(".")
        assert "\n" not in str(refusal.value)


@dataclass(frozen=True)
class Case:
    """What a method is asked to do."""

    job: str
    target: Target | None
    options: dict[str, Any]


CASES: dict[str, Case] = {
    "by text": Case("text", Fractions(0.5, 0.5), {}),
    "by labels": Case("labels", Fractions(0.5, 0.5), {}),
    "for a search": Case("labels", None, {}),
    "to sizes": Case("labels", TARGETS["sizes"], {}),
    "heads alone": Case("labels", TARGETS["heads alone"], {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@every_method
def test_it_computes_the_windows_that_it_says(name: str, case: Case, work: Work) -> None:
    method = METHODS[name](**case.options)
    job = given(case.job)
    if method.needs == "labels":
        job = given("labels")
    job = replace(job, text=unlabelled())
    counted = list(method.passes(job, case.target))
    with seeing() as seen:
        ranking = method.rank(job, case.target, work, silent)
        ranking.finished(ranking.cut(case.target or Fractions(0.5, 0.5)))
    assert_seen(seen, counted)


def assert_seen(seen: Seen, counted: list[Passes]) -> None:
    for end in (0, 1):
        assert seen.forward == sum(each.forward[end] for each in counted)
        assert seen.backward == sum(each.backward[end] for each in counted)
    assert all(low > 0 for each in counted for low in each.multiply_adds)


@every_method
def test_what_takes_long_is_kept_and_found_again(name: str, work: Work) -> None:
    job, target = given("labels"), Fractions(0.5, 0.5)
    first = ranked(name, replace(job, text=unlabelled()), target, work).cut(target)
    with seeing() as seen:
        again = ranked(name, replace(job, text=unlabelled()), target, work).cut(target)
    assert again.plan == first.plan
    if METHODS[name]().trains:
        assert (seen.forward, seen.backward) == (0, 0)


@every_method
def test_what_needs_nothing_is_foreseen_layer_by_layer(name: str, work: Work) -> None:
    job, amount = enough(METHODS[name]), Given(Fractions(0.5, 0.5))
    method = METHODS[name]()
    with seeing() as seen:
        outlook = amount.outlook(method, job)
    assert (seen.forward, seen.backward) == (0, 0)
    plan = amount.settle(method, job, work, silent).plan
    assert plan is not None
    assert outlook.by_layer == (method.needs == "nothing")
    assert outlook.known is not None
    if outlook.by_layer:
        assert outlook.known == plan.shape
    for kind in KINDS:
        assert sum(units_of(outlook.known, kind)) == sum(units_of(plan.shape, kind))


@pytest.mark.parametrize("kind", ["text", "labels"])
@every_method
def test_a_search_by_agreement_asks_it_and_counts_what_it_computes(name: str, kind: str, work: Work) -> None:
    method = METHODS[name]()
    if method.needs == "labels" and kind == "text":
        pytest.skip("it needs labels")
    job = replace(given(kind), text=unlabelled())
    amount = ByAgreement(unlabelled(), min_agreement=0.0, multiple_of=1)
    counted = list(amount.passes(method, job))
    with seeing() as seen:
        choice = amount.settle(method, job, work, silent)
    assert choice.search.percent > 50
    assert choice.plan == choice.search.plan
    assert choice.search.scoring_questions == (0 if kind == "labels" else 12)
    assert (
        sum(each.forward[0] for each in counted) <= seen.forward <= sum(each.forward[1] for each in counted)
    )
    assert seen.backward == sum(each.backward[0] for each in counted)
