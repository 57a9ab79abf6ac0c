"""The score is the official scorer's, on real annotations and on those that the real data lack."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st
from natural_questions import eval_utils, nq_eval
from support.real_data import REAL_DATA, needs_real_data

from prune.tasks.question_answering.natural_questions.answers import Gold, NqAnswer, Span
from prune.tasks.question_answering.natural_questions.documents import read_documents
from prune.tasks.question_answering.natural_questions.metrics import AnswerScore, NqScore, score
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction, to_json
from trellis.errors import InputError

if not flags.FLAGS.is_parsed():
    flags.FLAGS(["nq_eval"])

LONG, OTHER_LONG = Span(10, 60, 1000, 6000), Span(70, 90, 7000, 9000)
SHORT, NEAR, FAR = Span(12, 14, 1200, 1400), Span(12, 15, 1200, 1500), Span(50, 52, 5000, 5200)


def tokens_only(span: Span) -> Span:
    return Span(span.start, span.end)


def bytes_only(span: Span) -> Span:
    return Span(-1, -1, span.start_byte, span.end_byte)


def official(golds: Sequence[Gold], predictions: Sequence[NqPrediction], directory: Path) -> tuple[Any, Any]:
    """The official scorer's (statistics of long answers, of short answers), from files of the official form."""
    lines = [json.dumps(gold.to_json()) for gold in golds]
    gold_path, prediction_path = directory / "gold.jsonl.gz", directory / "predictions.json"
    gold_path.write_bytes(gzip.compress("\n".join(lines).encode()))
    prediction_path.write_text(json.dumps(to_json(predictions)))
    read = {
        str(name): labels
        for name, labels in eval_utils.read_annotation_from_one_split(str(gold_path)).items()
    }
    predicted = eval_utils.read_prediction_json(prediction_path)
    return nq_eval.score_answers(read, {str(name): label for name, label in predicted.items()})


def check_best(golds: Sequence[Gold], predictions: Sequence[NqPrediction], directory: Path) -> NqScore:
    """Our score, once it is seen to be the official one at its best thresholds."""
    ours = score(golds, predictions)
    theirs = nq_eval.get_metrics_with_answer_stats(*official(golds, predictions, directory))
    for kind, found in (("long", ours.long), ("short", ours.short)):
        expected = [theirs[f"{kind}-best-threshold-{name}"] for name in ("f1", "precision", "recall")]
        assert [found.f1 / 100, found.precision / 100, found.recall / 100] == pytest.approx(
            expected, abs=1e-12
        )
        assert found.threshold == theirs[f"{kind}-best-threshold"]
    return ours


def check_at(
    golds: Sequence[Gold], predictions: Sequence[NqPrediction], threshold: float, directory: Path
) -> None:
    """Our score at a threshold is the official one, scores ignored, where the answers below are null."""
    ours = score(golds, predictions, long_threshold=threshold, short_threshold=threshold)
    kept = [
        replace(
            one,
            answer=NqAnswer(
                one.answer.long if one.long_score >= threshold else None,
                one.answer.short if one.short_score >= threshold else (),
                one.answer.yes_no if one.short_score >= threshold else "NONE",
            ),
        )
        for one in predictions
    ]
    theirs = nq_eval.compute_final_f1(*official(golds, kept, directory))
    for kind, found in (("long", ours.long), ("short", ours.short)):
        expected = [theirs[f"{kind}-answer-{name}"] for name in ("f1", "precision", "recall")]
        assert [found.f1 / 100, found.precision / 100, found.recall / 100] == pytest.approx(
            expected, abs=1e-12
        )


def one_question(annotations: Sequence[NqAnswer], answer: NqAnswer) -> tuple[list[Gold], list[NqPrediction]]:
    return [Gold("1", tuple(annotations))], [NqPrediction("1", answer, 1.0, 1.0)]


def right(found: AnswerScore) -> bool:
    return found.f1 == 100


NOBODY = NqAnswer()
LONG_ONLY = NqAnswer(LONG)
BOTH = NqAnswer(LONG, (SHORT,))
YES = NqAnswer(LONG, (), "YES")
NO = NqAnswer(LONG, (), "NO")


@pytest.mark.parametrize(
    ("annotations", "answer", "long", "short"),
    [
        pytest.param([BOTH] * 5, BOTH, True, True, id="all agree"),
        pytest.param([LONG_ONLY] * 5, BOTH, True, False, id="long only"),
        pytest.param([BOTH] + [NOBODY] * 4, BOTH, False, False, id="one of five"),
        pytest.param([BOTH] * 2 + [NOBODY] * 3, BOTH, True, True, id="two of five"),
        pytest.param([BOTH] + [LONG_ONLY] * 4, BOTH, True, False, id="one of five has a short answer"),
        pytest.param([NqAnswer(LONG, (SHORT,)), NqAnswer(OTHER_LONG, (FAR,))] + [NOBODY] * 3,
                     NqAnswer(OTHER_LONG, (FAR,)), True, True, id="either of two opinions"),
        pytest.param([YES, NO] + [NOBODY] * 3, NqAnswer(LONG, (), "NO"), True, True, id="yes and no"),
        pytest.param([YES] * 5, NqAnswer(LONG, (), "NO"), True, False, id="no for yes"),
        pytest.param([YES] * 5, BOTH, True, False, id="a span for yes"),
        pytest.param([YES, BOTH] + [NOBODY] * 3, BOTH, True, True, id="yes counts beside a span"),
        pytest.param([BOTH] * 5, YES, True, False, id="yes for a span"),
        pytest.param([NqAnswer(LONG, (SHORT, FAR))] * 5, NqAnswer(LONG, (FAR, SHORT)), True, True, id="two pieces"),
        pytest.param([NqAnswer(LONG, (SHORT, FAR))] * 5, BOTH, True, False, id="one piece of two"),
        pytest.param([BOTH] * 5, NqAnswer(LONG, (SHORT, FAR)), True, False, id="a piece too many"),
        pytest.param([BOTH] * 5, NqAnswer(LONG, (NEAR,)), True, False, id="a word too many"),
        pytest.param([BOTH] * 5, NOBODY, False, False, id="null prediction"),
        pytest.param([BOTH] * 5, NqAnswer(bytes_only(LONG), (bytes_only(SHORT),)), True, True, id="bytes"),
        pytest.param([BOTH] * 5, NqAnswer(tokens_only(LONG), (tokens_only(SHORT),)), True, True, id="tokens"),
        pytest.param([NqAnswer(tokens_only(LONG), (tokens_only(SHORT),))] * 5,
                     NqAnswer(bytes_only(LONG), (bytes_only(SHORT),)), False, False, id="bytes of tokens"),
        pytest.param([BOTH] * 5, NqAnswer(Span(10, 60, 1000, 5999), (Span(12, 14, 1200, 1399),)),
                     True, True, id="equal tokens do, whatever the bytes"),
    ],
)  # fmt: skip
def test_what_counts_as_right(
    annotations: list[NqAnswer], answer: NqAnswer, long: bool, short: bool, tmp_path: Path
) -> None:
    found = check_best(*one_question(annotations, answer), tmp_path)
    assert (right(found.long), right(found.short)) == (long, short)


def test_one_annotator_decides_where_there_is_but_one() -> None:
    # Of a training set. The official scorer, made for five, takes no question of it to have an answer.
    found = score(*one_question([BOTH], BOTH))
    assert right(found.long)
    assert right(found.short)
    assert not right(score(*one_question([BOTH, NOBODY], BOTH)).long)


def test_of_equal_scores_all_are_given_or_none(tmp_path: Path) -> None:
    golds = [Gold(str(index), (BOTH,) * 5) for index in range(4)]
    answers, scores = [BOTH, NqAnswer(OTHER_LONG, (FAR,)), BOTH, NOBODY], [2.0, 1.0, 1.0, 1.0]
    predictions = [
        NqPrediction(str(i), a, s, s) for i, (a, s) in enumerate(zip(answers, scores, strict=True))
    ]
    found = check_best(golds, predictions, tmp_path)
    assert (found.long.precision, found.long.recall, found.long.threshold) == (pytest.approx(200 / 3), 50, 1)


def test_of_equal_f1_the_highest_threshold_is_taken(tmp_path: Path) -> None:
    golds = [Gold(str(index), (BOTH,) * 5) for index in range(2)]
    predictions = [NqPrediction("0", BOTH, 2.0, 2.0), NqPrediction("1", NOBODY, 1.0, 1.0)]
    assert check_best(golds, predictions, tmp_path).short.threshold == 2.0


SPANS = (LONG, OTHER_LONG, SHORT, FAR)
MADE_SPANS = st.sampled_from(
    [form(span) for span in SPANS for form in (lambda span: span, tokens_only, bytes_only)]
)
MADE_ANSWERS = st.one_of(
    st.builds(NqAnswer, st.none() | MADE_SPANS, st.lists(MADE_SPANS, max_size=2).map(tuple)),
    st.builds(NqAnswer, st.none() | MADE_SPANS, st.just(()), st.sampled_from(["YES", "NO"])),
)
MADE_SCORES = st.sampled_from([-2.5, -1.0, 0.0, 0.0, 1.5]) | st.floats(-1e3, 1e3)
"""A few values that come again and again: ties."""


@st.composite
def made_sets(draw: st.DrawFn) -> tuple[list[Gold], list[NqPrediction]]:
    """Questions of two to five annotators, with predictions of which about half repeat an annotation."""
    golds, predictions = [], []
    for index in range(draw(st.integers(1, 8))):
        annotations = draw(st.lists(MADE_ANSWERS, min_size=2, max_size=5))
        answer = draw(MADE_ANSWERS | st.sampled_from(annotations))
        golds.append(Gold(str(index), tuple(annotations)))
        predictions.append(NqPrediction(str(index), answer, draw(MADE_SCORES), draw(MADE_SCORES)))
    return golds, predictions


@settings(deadline=None)
@given(made_sets(), MADE_SCORES)
def test_the_score_is_the_official_one_on_made_sets(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[list[Gold], list[NqPrediction]],
    threshold: float,
) -> None:
    directory = tmp_path_factory.getbasetemp()
    check_best(*made, directory)
    check_at(*made, threshold, directory)


@needs_real_data
@pytest.mark.parametrize("quality", [0.0, 0.3, 0.8, 1.0])
def test_the_score_is_the_official_one_on_real_annotations(quality: float, tmp_path: Path) -> None:
    generator = random.Random(quality)
    golds, predictions = [], []
    for document in read_documents(str(REAL_DATA / "nq" / "dev.simplified.jsonl")):
        golds.append(Gold(document.id, document.annotations))
        candidate = generator.choice(document.candidates)
        wrong = NqAnswer(
            Span(candidate.start, candidate.end), (Span(candidate.start + 1, candidate.start + 3),)
        )
        is_right = generator.random() < quality
        answer = document.annotations[0] if is_right else generator.choice([wrong, NOBODY])
        long_score, short_score = (round(generator.gauss(quality + is_right, 1), 1) for _ in range(2))
        predictions.append(NqPrediction(document.id, answer, long_score, short_score))
    assert len(golds) == 500
    found = check_best(golds, predictions, tmp_path)
    check_at(golds, predictions, 0.5, tmp_path)
    assert found.total == 500
    assert (found.long.f1 == 100) == (quality == 1)


def test_the_order_of_the_predictions_does_not_matter() -> None:
    golds = [Gold("a", (BOTH,) * 5), Gold("b", (YES,) * 5)]
    predictions = [NqPrediction("a", BOTH, 1.0, 1.0), NqPrediction("b", YES, 0.0, 0.0)]
    assert score(golds, predictions) == score(golds, predictions[::-1])


@pytest.mark.parametrize(
    "ids", [["a"], ["a", "c"], ["a", "b", "c"], ["a", "a", "b"]], ids=["missing", "other", "more", "twice"]
)
def test_predictions_of_other_questions_are_refused(ids: list[str]) -> None:
    golds = [Gold("a", (BOTH,) * 5), Gold("b", (BOTH,) * 5)]
    with pytest.raises(InputError, match="one prediction for each question"):
        score(golds, [NqPrediction(name, BOTH) for name in ids])


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(InputError, match="no questions"):
        score([], [])
    with pytest.raises(InputError, match="no annotations"):
        score([Gold("a", ())], [NqPrediction("a", BOTH)])
