"""A worker whose engine takes longer than it needs, by the share in its file's name: slowed-0.03.onnx."""

import re
import sys
import time

from bench.measure.calls import bind
from bench.measure.worker import main
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.runtime import Bind, Call
from prune.tasks.batch import Outputs


class SlowedCall:
    """A call that goes on for a share of its time longer, its core kept busy."""

    def __init__(self, call: Call, share: float) -> None:
        self._call, self._share = call, share

    def run(self) -> float:
        """One forward pass, slowed down; its seconds."""
        seconds = self._call.run()
        start = time.perf_counter()
        while (more := time.perf_counter() - start) < self._share * seconds:
            pass
        return seconds + more

    def outputs(self) -> Outputs:
        """Of the last pass."""
        return self._call.outputs()


def load_slowed(engine: EngineSpec) -> Bind:
    """The engine, slowed down by the share in its file's name, if there is one."""
    plain = bind(engine)
    found = re.fullmatch(r"slowed-(\d+\.\d+)\.onnx", engine.path.name) if engine.path else None
    if not found:
        return plain
    share = float(found[1])
    return lambda inputs: SlowedCall(plain(inputs), share)


if __name__ == "__main__":
    main(int(sys.argv[1]), load_slowed)
