"""A model at work on batches of windows."""

from export.ports import graph_inputs
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.runtime import Infer, Runtime
from prune.families.encoder import Encoder
from prune.tasks.batch import Batch, Outputs, Run
from trellis.errors import InputError


def batch_runner(infer: Infer, encoder: Encoder) -> Run:
    """An engine that has a model of an encoder of that kind read batches. Raises what `infer` raises."""

    def run(batch: Batch) -> Outputs:
        return infer(graph_inputs(batch, encoder.takes_token_types))

    return run


def open_engine(runtime: Runtime, spec: EngineSpec) -> Run:
    """The model that `spec` names, loaded to read batches; where `runtime` is shareable threads may share it.

    Raises InputError as `runtime` does where it loads it; the engine raises it where a batch cannot be run.
    """
    read, longest = batch_runner(runtime.load(spec), spec.encoder), spec.encoder.max_length

    def run(batch: Batch) -> Outputs:
        rows, tokens = batch.input_ids.shape
        if tokens > longest:  # which not every runtime notices
            raise InputError(
                f"The windows have {tokens} tokens, and the model in {spec.path} takes {longest} at most."
            )
        try:
            return read(batch)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # the runtimes' own classes share no public base
            raise InputError(
                f"{runtime.title} cannot run {spec.path} on {rows} windows of {tokens} tokens: {runtime.told(error)}"
            ) from error

    return run
