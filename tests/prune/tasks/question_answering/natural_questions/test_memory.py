"""Memory stays flat however large the set: what one process takes at its peak, for a tenth and for all."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from support import natural
from transformers import PreTrainedTokenizerFast

LARGE = int(os.environ.get("NQ_MEGABYTES", "300"))
"""MiB of documents; NQ_MEGABYTES=3000 shows the same of a set of some gigabytes."""

_PROGRAM = """
import re, sys
from pathlib import Path
from transformers import PreTrainedTokenizerFast
from prune.tasks.question_answering.natural_questions.task import NqTraining
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.stored import store_windows

source, tokenizer, store = sys.argv[1:]
tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
settings = DecodingSettings(max_length=128, stride=32, max_question_length=16)
print(len(store_windows(NqTraining(source, null_share=1).windows(tokenizer, settings), Path(store))))
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def _lines(megabytes: int, shard: int) -> Iterator[bytes]:
    """Three lengths of document in both forms, again and again with new ids; about a fifth is read."""
    entries = []
    for size in (150, 600, 2400):
        words = [*["pear", "tree"] * (size // 2), *["<Li>", "</Li>"] * (2 * size)]
        entry = natural.simplified(
            natural.annotation((0, size), ((size // 2, size // 2 + 3),)),
            document_text=" ".join(words),
            long_answer_candidates=[{"start_token": 0, "end_token": size, "top_level": True}],
        )
        entries += [entry, natural.original(entry)]
    written = 0
    for number, entry in enumerate(cycle(entries)):
        line = json.dumps(entry | {"example_id": f"{shard}-{number}"}).encode() + b"\n"
        yield line
        written += len(line)
        if written >= megabytes << 20:
            return


def _shards(directory: Path, megabytes: int) -> Path:
    """Six files, every second one packed."""
    directory.mkdir()
    for index in range(6):
        path = directory / f"{index}.jsonl{'.gz' * (index % 2)}"
        with gzip.open(path, "wb", compresslevel=1) if index % 2 else path.open("wb") as file:
            file.writelines(_lines(megabytes // 6, index))
    return directory


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak from /proc")
def test_memory_does_not_grow_with_the_set(tmp_path: Path, wordpiece: PreTrainedTokenizerFast) -> None:
    wordpiece.save_pretrained(tmp_path / "tokenizer")
    windows, peaks = [], []
    for megabytes in (30, LARGE):
        source = _shards(tmp_path / f"{megabytes}", megabytes)
        command = [sys.executable, "-c", _PROGRAM, source, tmp_path / "tokenizer", tmp_path / "store"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found, kilobytes = map(int, done.stdout.split())
        windows.append(found)
        peaks.append(kilobytes / 1024)
    print(f"peak {peaks[0]:.0f} MiB at 30 MiB of documents, {peaks[1]:.0f} MiB at {LARGE} MiB")
    assert windows[1] > 8 * windows[0] > 0
    assert peaks[1] < 600
    assert peaks[1] < peaks[0] + 60
