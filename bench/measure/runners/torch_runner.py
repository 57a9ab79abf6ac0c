"""PyTorch, as a user runs the model directory itself: eager, or compiled."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bench.measure.runners import Bind, Run
from bench.workload import Device, EngineSpec
from export.ports import output_names
from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError

if TYPE_CHECKING:
    from torch import Tensor


def check(device: Device) -> None:
    """Raise InputError where torch, or the device in torch, is not here."""
    try:
        import torch
    except ImportError as error:
        raise InstallationError("torch is not installed; install it: pip install torch") from error
    if device == "tensorrt":
        raise InputError(
            "--device tensorrt is a provider of onnxruntime; with --runtime torch give --device cpu or cuda."
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise InstallationError(
            f"--device cuda, and torch {torch.__version__} sees no GPU; check that nvidia-smi lists one and "
            "install a CUDA build of torch, or "
            "give --device cpu."
        )


def load(engine: EngineSpec) -> Run:
    """The model in `engine.path`, or one of random weights, in evaluation mode with default attention.

    Compiled, it is built anew for each size that it meets (torch.compile with its default backend, static
    shapes): the first call takes a minute or so.
    """
    import torch

    forward, outputs = _forward(engine), output_names(engine.encoder)

    @torch.inference_mode()
    def run(inputs: Mapping[str, NDArray[Any]]) -> Outputs:
        return _on_host(forward(**_on_device(inputs, engine.device)), outputs)

    return run


def load_on_device(engine: EngineSpec) -> Bind:
    """As `load`, but a call's inputs are copied once, before its passes are timed."""
    return partial(_DeviceCall, _forward(engine), engine)


class _DeviceCall:
    """Passes over the same tensors, timed by the GPU's events."""

    def __init__(self, forward: Any, engine: EngineSpec, inputs: Mapping[str, NDArray[Any]]) -> None:
        import torch

        self._forward = forward
        self._outputs = output_names(engine.encoder)
        self._tensors = _on_device(inputs, engine.device)
        self._start, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._graph: torch.cuda.CUDAGraph | None = None
        if engine.timing == "cuda-graph":
            self._capture()

    def run(self) -> float:
        """One forward pass; the GPU's seconds."""
        self._start.record()
        if self._graph:
            self._graph.replay()
        else:
            self._pass()
        self._end.record()
        self._end.synchronize()
        return float(self._start.elapsed_time(self._end)) / 1000

    def logits(self) -> Outputs:
        """Of the last pass."""
        return _on_host(self._output, self._outputs)

    def _pass(self) -> None:
        import torch

        with torch.inference_mode():
            self._output = self._forward(**self._tensors)

    def _capture(self) -> None:
        import torch

        # What libraries make ready in their first calls must not happen while a graph is captured.
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(3):
                self._pass()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._pass()
        self._graph = graph


def _forward(engine: EngineSpec) -> Any:
    import torch

    from prune import checkpoint

    torch.set_num_threads(engine.threads)
    if engine.path is None:
        model = checkpoint.random_model(engine.encoder, engine.shape)
    else:
        model = checkpoint.load(engine.path)
    model.to(torch.device(engine.device))  # type: ignore[arg-type]  # wrapped in a way that loses its signature
    return torch.compile(model, dynamic=False) if engine.runtime == "torch-compiled" else model


def _on_device(inputs: Mapping[str, NDArray[Any]], device: str) -> "dict[str, Tensor]":
    import torch

    return {name: torch.from_numpy(array).to(device) for name, array in inputs.items()}


def _on_host(output: Any, names: Sequence[str]) -> Outputs:
    return {name: getattr(output, name).cpu().numpy() for name in names}
