"""A worker whose engine takes longer than it needs, by the share in its file's name: slowed-0.03.onnx."""

import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from bench.runners import Logits, Run
from bench.spec import Engine
from bench.worker import load_engine, main


def load_slowed(engine: Engine) -> Run:
    """The engine, each call of which goes on for its share longer, its core kept busy."""
    run = load_engine(engine)
    found = re.fullmatch(r"slowed-(\d+\.\d+)\.onnx", engine.path.name) if engine.path else None
    if not found:
        return run
    share = float(found[1])

    def slowed(inputs: Mapping[str, NDArray[Any]]) -> Logits:
        start = time.perf_counter()
        logits = run(inputs)
        end = time.perf_counter()
        while time.perf_counter() < end + share * (end - start):
            pass
        return logits

    return slowed


if __name__ == "__main__":
    main(int(sys.argv[1]), load_slowed)
