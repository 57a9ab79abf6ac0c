import shutil
from pathlib import Path

import pytest

from bench.measure.statistics import speedup
from bench.measure.turns import measure
from bench.workload import ROLES, Effort, Workload
from studies.trust.__main__ import CASES


@pytest.mark.slow
@pytest.mark.timing
def test_a_slowed_engine_takes_as_much_longer_as_its_name_says(make_engine, tmp_path: Path) -> None:
    plain = make_engine()
    assert plain.path is not None
    slowed = tmp_path / "slowed-1.0.onnx"
    shutil.copy(plain.path, slowed)
    loads = [dict.fromkeys(ROLES, Workload(4, 128))]
    (samples,) = measure(
        type(plain)(**{**vars(plain), "path": slowed}),
        plain,
        loads,
        Effort(3, 4, aim=5.0),
        worker="studies.trust.slowed_worker",
    ).samples
    assert 0.4 < speedup(samples.log_ratios).estimate < 0.6


def test_what_is_known_of_each_case() -> None:
    assert {case.name: round(case.true, 4) for case in CASES} == {
        "same": 1.0,
        "three": 0.9709,
        "half": 0.995,
        "neighbour": 1.0,
        "neighbour-three": 0.9709,
    }
