import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trellis.ranks import main_first, ranks, sum_, wait


def test_alone() -> None:
    here = ranks()
    assert (here.index, here.count, here.is_main) == (0, 1, True)
    tensor = torch.tensor([1.5, 2.0], dtype=torch.float64)
    assert sum_(tensor) is tensor
    assert tensor.tolist() == [1.5, 2.0]
    wait()
    with main_first() as first:
        assert first == here
    assert not torch.distributed.is_initialized()


def test_importing_it_is_light() -> None:
    program = "import sys, trellis.ranks; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "accelerate"} & set(done.stdout.split())


_PROGRAM = """
import sys, time
from pathlib import Path
import torch
from trellis.ranks import main_first, ranks, sum_, wait

place, here = Path(sys.argv[1]), ranks()
assert here.count == 2 and here.is_main == (here.index == 0)
assert torch.distributed.get_backend() == "gloo" or here.device.type != "cpu"
tensor = torch.tensor([1.0 + here.index, 10.0], dtype=torch.float64)
assert sum_(tensor).tolist() == tensor.tolist() == [3.0, 20.0]
with main_first():
    if here.is_main:
        time.sleep(0.5)
        (place / "made").touch()
    assert (place / "made").exists()
if not here.is_main:
    time.sleep(0.5)
    (place / "late").touch()
wait()
assert (place / "late").exists()
"""


@pytest.mark.slow
def test_two(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*torchrun, str(script), str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
