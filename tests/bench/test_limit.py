"""A limit of time is one: what does not fit is shortened, or refused, and said; by a clock that only engines move."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.simulated import SimulatedClock

from bench.measure.statistics import speedup
from bench.measure.turns import Measured, measure
from bench.traffic import FEWEST, questions_within
from bench.workload import BERT_BASE, BERT_BASE_SHAPE, Effort, Load, Role, Workload
from export.runtimes.engine_spec import EngineSpec
from trellis.errors import InputError

BENCH = Path(sys.executable).with_name("bench")
ENGINE = EngineSpec("onnxruntime", "cpu", 1, BERT_BASE, BERT_BASE_SHAPE, None)
HALF: dict[Role, float] = {"baseline": 2.0, "candidate": 1.0}
Progress = list[tuple[int, int]]


def _measure(
    clock: SimulatedClock, effort: Effort, points: int = 1, seen: Progress | None = None
) -> Measured:
    told = [] if seen is None else seen
    loads: list[dict[Role, Load]] = [
        {"baseline": Workload(1, 10 + index), "candidate": Workload(1, 10 + index)} for index in range(points)
    ]
    return measure(ENGINE, ENGINE, loads, effort, lambda *at: told.append(at), start=clock.start, clock=clock)


@pytest.mark.parametrize("points", [1, 3])
@pytest.mark.parametrize("max_time", [40.0, 60.0, 100.0, 300.0, 1000.0])
@pytest.mark.parametrize("call", [0.001, 0.1, 1.0, 2.0])
@pytest.mark.parametrize("loading", [0.1, 4.0])
def test_no_measurement_takes_longer_than_its_limit(
    loading: float, call: float, max_time: float, points: int
) -> None:
    clock = SimulatedClock(loading, {"baseline": 2 * call, "candidate": call})
    found, refusal = None, ""
    try:
        found = _measure(clock, Effort(goal=0.001, max_time=max_time), points)
    except InputError as error:
        refusal = str(error)
    assert clock.now <= max_time * points
    if found is None:
        needed = re.search(r"give max_time=(\d+) or more", refusal)
        assert needed, refusal
        assert int(needed[1]) > max_time
        return
    for samples in found.samples:
        assert 2 <= samples.pilot <= len(samples.launches)
        assert min(len(launch.blocks) for launch in samples.launches) >= 1
        assert 1.8 < speedup(samples.log_ratios, samples.pilot).estimate < 2.2


def test_launches_go_before_blocks_and_none_below_two() -> None:
    """A launch costs 2 x 1 s to start, 2 x 9 s of calls to warm up, and 14.4 s a block."""
    made = {}
    for max_time in (400.0, 200.0, 120.0, 80.0):
        found = _measure(SimulatedClock(1.0, dict(HALF)), Effort(goal=0.5, max_time=max_time))
        (samples,) = found.samples
        made[max_time] = (len(samples.launches), len(samples.launches[0].blocks))
    assert made == {400.0: (5, 3), 200.0: (5, 2), 120.0: (5, 1), 80.0: (3, 1)}


def test_what_cannot_be_is_refused_with_the_time_that_it_takes() -> None:
    clock = SimulatedClock(1.0, dict(HALF))
    with pytest.raises(InputError) as caught:
        _measure(clock, Effort(max_time=20.0))
    assert re.fullmatch(
        r"max_time=20 is not enough for batch 1, seq 10: to start both engines and warm them up takes \d+\.\d s "
        r"here, four turns \d+\.\d s, and it takes both 2 times for an interval; give max_time=(\d+) or more, or "
        r"smaller calls\.",
        str(caught.value),
    )
    needed = float(re.search(r"give max_time=(\d+)", str(caught.value))[1])  # type: ignore[index]
    (samples,) = _measure(SimulatedClock(1.0, dict(HALF)), Effort(max_time=1.1 * needed)).samples
    assert len(samples.launches) == 2


def test_an_engine_that_does_not_start_in_time_is_not_waited_for() -> None:
    clock = SimulatedClock(1000.0, dict(HALF))
    with pytest.raises(
        InputError, match=r"max_time=5 was over before batch 1, seq 10 had been timed in 2 launches"
    ):
        _measure(clock, Effort(max_time=5.0))
    assert clock.now == 5.0


def test_calls_that_get_slower_meanwhile_end_what_was_planned() -> None:
    """Blocks, then launches, are left out; what is whole counts."""
    clock = SimulatedClock(0.1, {"baseline": 0.2, "candidate": 0.1}, slowing=1.01)
    found = _measure(clock, Effort(goal=0.001, max_time=30.0))
    assert clock.now <= 30.0
    (samples,) = found.samples
    assert samples.pilot <= len(samples.launches)
    assert found.cpu_seconds is None


def test_without_a_limit_no_launch_goes_under_three_blocks() -> None:
    clock = SimulatedClock(5.0, {"baseline": 20.0, "candidate": 10.0})
    (samples,) = _measure(clock, Effort(aim=20.0)).samples
    assert [len(launch.blocks) for launch in samples.launches] == [3] * 5
    assert clock.now > 1000


def test_whoever_waits_is_told_from_the_first_engine_on() -> None:
    seen: Progress = []
    _measure(SimulatedClock(1.0, dict(HALF)), Effort(3, 3, goal=0.9), seen=seen)
    assert seen[0] == (0, 9)
    assert seen[-1] == (9, 9)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(done <= total for done, total in seen)


@pytest.mark.parametrize(
    ("max_time", "loading", "window", "windows", "asked"),
    [
        (1000.0, 1.0, 0.01, [1] * 32, 32),
        (30.0, 1.0, 0.1, [1] * 32, 7),  # (30 / 3 - 1) / (12 * 0.1) = 7.5
        (30.0, 1.0, 0.1, [2] * 32, FEWEST),
        (60.0, 1.0, 0.1, [1, 3, 4, 5, 9, 1], 4),  # 15 windows fit, and 22 are five's
        (5.0, 100.0, 1.0, [1] * 32, FEWEST),
        (5.0, 100.0, 1.0, [1] * 3, 3),
    ],
)
def test_fewer_questions_are_served_where_the_time_is_short(
    max_time: float, loading: float, window: float, windows: list[int], asked: int
) -> None:
    effort = Effort(max_time=max_time)
    assert questions_within(effort, loading, window, windows) == asked


def test_where_nothing_fits_the_real_command_ends_in_time_and_says_so() -> None:
    """BERT-base in PyTorch: to load torch alone takes longer."""
    began = time.monotonic()
    command = [BENCH, "--runtime", "torch", "--max-time", "2", "--batch", "16", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "--max-time 2 " in done.stderr.splitlines()[-1]
    assert "within 2 s" in done.stderr
    assert time.monotonic() - began < 60  # what comes before the measurement, on a busy machine
