"""A runtime that nobody would serve with: onnx's own reference evaluator, operator by operator in numpy.

What a runtime has to say stands in Toy; nothing but this file and the registry knows of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from export.runtimes import RUNTIMES
from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.forms import Forms
from export.runtimes.interface import Port, check_interface
from export.runtimes.runtime import Infer, Inputs, Runtime
from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError


class Toy(Runtime):
    """It reads the portable dialect, on the CPU."""

    name = "toy"
    title = "Toy"
    packages = ("ml_dtypes",)
    forms = Forms({"fp32": "portable"}, "static")

    def check_installed(self, device: Device) -> None:
        try:
            import onnx.reference  # noqa: F401
        except ImportError as error:
            raise InstallationError("onnx is not installed; install it: pip install onnx.") from error

    def load(self, spec: EngineSpec) -> Infer:
        self.check_installed(spec.device)
        from onnx import TensorProto
        from onnx.reference import ReferenceEvaluator

        try:
            model = ReferenceEvaluator(str(spec.path))
        except Exception as error:
            raise InputError(f"Toy does not load {spec.path}: {self.told(error)}") from error
        graph = model.proto_.graph
        inputs, outputs = (
            [
                Port(frozenset({port.name}), TensorProto.DataType.Name(port.type.tensor_type.elem_type))
                for port in ports
            ]
            for ports in (graph.input, graph.output)
        )
        check_interface(spec, inputs, outputs, ("FLOAT",))
        names = list(spec.outputs)

        def infer(inputs: Inputs) -> Outputs:
            return dict(zip(names, model.run(names, dict(inputs)), strict=True))

        return infer


def register() -> None:
    """The line in the registry."""
    RUNTIMES[Toy.name] = Toy()


@contextmanager
def registered() -> Iterator[None]:
    """The toy is one of the runtimes within."""
    register()
    try:
        yield
    finally:
        del RUNTIMES[Toy.name]


IN_EVERY_PROCESS = f"""
import sys
sys.path[:0] = {[path for path in sys.path if path]!r}
from support.toy_runtime import register
register()
"""
"""A sitecustomize.py that registers it where Python starts, before anything else is imported."""
