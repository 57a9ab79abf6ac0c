"""OpenVINO, on the CPU."""

from bench.measure.runners import Run
from bench.workload import Device, EngineSpec
from export.ports import output_names
from export.runtimes.openvino import compile_graph, import_openvino, infer_with
from trellis.errors import InputError


def check(device: Device) -> None:
    """Raise InputError where OpenVINO is not installed, or is asked for a device that it does not serve here."""
    if device != "cpu":
        raise InputError(
            f"--device {device} is a provider of onnxruntime; with --runtime openvino give --device cpu."
        )
    import_openvino()


def load(engine: EngineSpec) -> Run:
    """The file at `engine.path`, compiled for its clients with the threads asked for.

    Raises InputError where OpenVINO is not installed or the file does not load.
    """
    assert engine.path is not None
    compiled = compile_graph(engine.path, engine.threads, bfloat16=engine.bfloat16, clients=engine.clients)
    return infer_with(compiled, output_names(engine.encoder))
