import os
import subprocess
import sys

import pytest

from bench.measure.environment import Disturbance, Watch, environment
from trellis.cores import available_cores


def test_environment_names_machine_and_software() -> None:
    found = environment(gpu=False).to_dict()
    assert found["cpu"]
    assert found["gpu"] is None
    assert found["cores"] == available_cores()
    assert found["memory_bytes"] > 2**28
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "onnx", "torch", "espalier"} <= set(found["packages"])
    assert found["date"].endswith("+00:00")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_cores_follow_the_affinity_mask() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from trellis.cores import available_cores; print(available_cores())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "1"


def test_what_others_took_is_what_is_left_of_the_busy_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy, stolen, total, periods and seconds throttled, this process: of 8 busy seconds the engines had 5, we 1."""
    readings = iter([(10.0, 1.0, 100.0, 3.0, 0.5, 2.0), (18.0, 2.0, 120.0, 7.0, 2.0, 3.0)] * 2)
    monkeypatch.setattr(Watch, "_read", staticmethod(lambda: next(readings)))
    assert Watch().disturbance(5.0) == Disturbance(2 / 20, 1 / 20, 4, 1.5)
    assert Watch().disturbance(None) == Disturbance(None, 1 / 20, 4, 1.5)


def test_counters_only_grow() -> None:
    before, after = Watch._read(), Watch._read()
    assert all(now >= then for now, then in zip(after, before, strict=True))
    assert environment(gpu=False).cpu_flags == tuple(sorted(environment(gpu=False).cpu_flags))
