from dataclasses import replace

import pytest
from support.measured import SAMPLES, accuracy, both_models, compared, result_of, turn
from support.plain_result import PLACE

from bench.measure.environment import Disturbance
from bench.measure.turns import Block, Samples
from bench.result.comparison import Comparison
from bench.result.summary import summarize
from bench.workload import Effort, Workload


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    return compared(encoder, whole, cut)


def test_notes_say_what_a_reader_must_know(comparison: Comparison, encoder, whole) -> None:
    assert len(result_of(comparison).notes) == 0
    assert (
        result_of(comparison, effort=Effort(2, 3, 0.01, aim=1.0))
        .notes[0]
        .startswith("1 of the intervals reach up to")
    )
    busy = result_of(
        comparison, environment=replace(PLACE, load_average=1.5, cores=1, governor="powersave")
    ).notes
    assert "busy before the start (load 1.5 on 1 cores)" in busy[0]
    assert "2 processors share 1 cores" in busy[1]
    assert "governor powersave" in busy[2]
    assert "2 threads share 1 core;" in busy[3]
    noisy = " ".join(result_of(comparison, disturbance=Disturbance(0.5, 0.1, 3, 1.25)).notes)
    for said in (
        "Other processes took 50%",
        "The host gave 10%",
        "throttled 3 times meanwhile, for 1.2 s in all",
    ):
        assert said in noisy
    answered = replace(comparison, accuracy=accuracy(0.5, without=("candidate",)))
    notes = " ".join(result_of(answered).notes)
    assert "twin has random weights: its times are true, an F1 it has not" in notes
    assert "No decoding.json lies beside out.onnx" in notes
    assert "As served: with the threshold for “no answer” of each model's decoding.json." in notes
    assert "dialects" not in notes
    baseline = replace(comparison.models["baseline"], dialect="portable")
    mixed = replace(comparison, models={**comparison.models, "baseline": baseline})
    assert (
        "The two graphs are in different dialects (candidate onnxruntime, baseline portable): "
        "the speed-up is not the cut's alone." in result_of(mixed).notes
    )
    candidate = comparison.models["candidate"]
    same = replace(comparison, models={"baseline": replace(candidate, name="other"), "candidate": candidate})
    assert any("nothing was removed" in note for note in result_of(same).notes)


def test_what_cannot_be_is_called_a_mistake(comparison: Comparison) -> None:
    (point,) = comparison.points
    adds = point.multiply_adds["baseline"] / 0.44
    for peak, said in ((adds / 1.1, False), (adds / 1.3, True)):
        fast = replace(
            comparison, points=[replace(point, of_peak={"baseline": adds / peak, "candidate": None})]
        )
        assert any("error of measurement" in note for note in result_of(fast).notes) == said


def test_outliers_are_named(comparison: Comparison, encoder, whole, cut) -> None:
    blocks = [
        Block("baseline", {"baseline": [turn(b)] * 2, "candidate": [turn(0.2)] * 2}) for b in (0.4, 0.41, 0.8)
    ]
    launch = replace(SAMPLES.launches[0], blocks=blocks)
    models = both_models(encoder, whole, cut)
    samples = Samples(2, [launch, SAMPLES.launches[1]])
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(2, 16)), samples, models)
    notes = result_of(replace(comparison, points=[point])).notes
    assert any("block 3 of launch 1 is an outlier, its ratio 1.95× the median" in note for note in notes)
