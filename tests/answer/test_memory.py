"""Memory does not grow with the length of a text: what a process takes at its peak, for one and four times as much."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.folders import SENTENCE, export_folder

MEGABYTES = (0.5, 2.0)

_PROGRAM = """
import re, sys
from pathlib import Path

from answer import Engine, open_answerer

answerer = open_answerer(sys.argv[1], engine=Engine(threads=1))
found = answerer.answer("Who trained the pear tree?", open(sys.argv[2]).read(), top_k=5)
assert len(found.spans) == 5
# not getrusage, which begins with the peak of whoever started the process
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak from /proc")
@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm-roberta"])
def test_memory_does_not_grow_with_one_text(tmp_path: Path, model_type: str) -> None:
    export_folder(tmp_path / "out", model_type)
    peaks = []
    for megabytes in MEGABYTES:
        path = tmp_path / "text.txt"
        path.write_text(SENTENCE * int(megabytes * 1e6 / len(SENTENCE)))
        command = [sys.executable, "-c", _PROGRAM, tmp_path / "out", path]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    print(f"peak {peaks[0]:.0f} MiB at {MEGABYTES[0]} MB of text, {peaks[1]:.0f} MiB at {MEGABYTES[1]} MB")
    assert peaks[1] < 350
    assert peaks[1] < peaks[0] + 40
