"""What the package promises to Python: it is there, light, and gives what the command gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import answer
import bench

NOTEBOOK = """
import json, sys
import bench
result = bench.compare(
    [sys.argv[1]],
    points=bench.OperatingPoints(batch=(1, 2), seq=(16,)),
    engines=bench.Engines(threads=(1,)),
    effort=bench.Effort(launches=2, blocks=3, goal=0.99),
    limits=bench.Limits(min_speedup=1000),
)
print(json.dumps(result.to_dict()))
"""


@pytest.mark.parametrize("package", [answer, bench])
def test_everything_promised_is_there_and_nothing_else(package: object) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        package.nonsense  # type: ignore[attr-defined] # noqa: B018


def test_ten_lines_give_what_the_command_gives(make_file, tmp_path: Path) -> None:
    file = make_file()
    done = subprocess.run([sys.executable, "-c", NOTEBOOK, file], capture_output=True, text=True, check=True)
    called = json.loads(done.stdout)
    options = ["--batch", "1,2", "--seq", "16", "--threads", "1", "--launches", "2", "--blocks", "3"]
    options += ["--precision-goal", "99%", "--min-speedup", "1000", "--json", "-"]
    typed = subprocess.run(
        [Path(sys.executable).with_name("bench"), file, *options], capture_output=True, text=True
    )
    assert typed.returncode == 1, typed.stderr
    told = json.loads(typed.stdout)
    assert called["settings"] == told["settings"]
    assert called["command"] == "bench.compare"
    for one, other in zip(called["comparisons"], told["comparisons"], strict=True):
        for role in ("candidate", "baseline"):
            assert one[role] == other[role]
        wheres = [[point["where"] for point in each["points"]] for each in (one, other)]
        assert wheres == [["batch 1, seq 16", "batch 2, seq 16"]] * 2
    assert (
        [gate["met"] for gate in called["gates"]] == [gate["met"] for gate in told["gates"]] == [False, False]
    )
