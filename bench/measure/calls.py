"""An engine's model, loaded to be timed as the engine says."""

import time
from functools import partial

from export.runtimes import runtime_of
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.runtime import Bind, Infer, Inputs
from prune.tasks.batch import Outputs


class HostCall:
    """Arrays in, logits out, by the host's clock: where there is a GPU, with the copies to it and back."""

    def __init__(self, infer: Infer, inputs: Inputs) -> None:
        self._infer, self._inputs = infer, inputs

    def run(self) -> float:
        """One forward pass; its seconds."""
        start = time.perf_counter()
        self._outputs = self._infer(self._inputs)
        return time.perf_counter() - start

    def outputs(self) -> Outputs:
        """Of the last pass."""
        return self._outputs


def bind(engine: EngineSpec) -> Bind:
    """The engine, loaded, to be timed as it says. Raises InputError, see `Runtime`."""
    runtime = runtime_of(engine.runtime)
    if engine.timing == "call":
        return partial(HostCall, runtime.load(engine))
    return runtime.load_on_device(engine)
