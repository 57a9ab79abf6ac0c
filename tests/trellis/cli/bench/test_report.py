import io
from dataclasses import replace

import pytest
from rich.console import Console
from support.measured import accuracy, both_models, compared, launch, result_of, turn

from bench.measure.statistics import Speedup
from bench.measure.turns import ORDERS, Launch, Samples
from bench.result.comparison import Comparison
from bench.result.summary import summarize
from bench.workload import Workload
from trellis.cli.bench.report import print_report


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    return compared(encoder, whole, cut)


def test_the_table_shows_what_was_found(comparison: Comparison) -> None:
    out = io.StringIO()
    answered = replace(comparison, accuracy=accuracy(0.5, low=-1.25))
    print_report(result_of(answered, min_speedup=3.0, tested="bound"), Console(file=out, width=110))
    text = out.getvalue()
    flowing = " ".join(text.split())
    assert "Some CPU · 2 cores · onnxruntime 1.0" in text
    assert "out.onnx (onnxruntime on cpu, 2 threads; fp32, onnxruntime graph" in flowing
    assert "66.7% of heads and 75.0% of activations removed" in flowing
    assert "batch 2, seq 16: 2.22× as fast (95 % interval " in flowing
    # Layer, then heads and activations of the baseline and of the candidate.
    assert [line.split() for line in text.splitlines() if line.split()[:1] == ["1"]] == [
        ["1", "4", "3", "256", "128"]
    ]
    assert "batch 2, seq 16 baseline 440 500 500 500 4.55 0.00492 1%" in flowing
    assert "F1 as served 71.75 71.25 -0.50 -1.25 to +1.00" in flowing
    assert "F1 at the best threshold 71.75 71.25" in flowing
    assert "--min-speedup 3: MISSED, end of the interval " in text
    assert all(len(line) <= 100 for line in text.splitlines() if "ms" in line)


def test_no_difference_is_called_so(comparison: Comparison, encoder, whole, cut) -> None:
    def same(off: float) -> Launch:
        return launch(ORDERS[0], [turn(0.2 + off)] * 2, [turn(0.2)] * 2, 1.0)

    models = both_models(encoder, whole, cut)
    samples = Samples(3, [same(-0.01), same(0.0), same(0.012)])
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(2, 16)), samples, models)
    out = io.StringIO()
    print_report(result_of(replace(comparison, points=[point])), Console(file=out, width=200))
    assert "batch 2, seq 16: no significant difference: 1.00" in out.getvalue()


def test_a_slower_model_is_told_in_the_unit_of_a_faster_one(comparison: Comparison) -> None:
    """Neither the estimate nor its interval is turned round: 0.89 of the speed, and the interval around that."""
    slower = Speedup(1 / 1.12, 0.84, 0.94, 30, 5)
    out = io.StringIO()
    points = [replace(comparison.points[0], speedup=slower)]
    print_report(result_of(replace(comparison, points=points)), Console(file=out, width=200))
    assert "batch 2, seq 16: 0.89× as fast (95 % interval 0.84 to 0.94); 5 launches" in out.getvalue()
    assert "slower" not in out.getvalue()
