"""PyTorch, as a user runs the model directory itself: eager, or compiled."""

from functools import partial
from typing import TYPE_CHECKING, Any

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.runtime import Bind, Infer, Inputs, Runtime
from prune.tasks.batch import Outputs
from trellis.errors import InstallationError, Parameter

if TYPE_CHECKING:
    from torch import Tensor


class Torch(Runtime):
    """In evaluation mode, with default attention."""

    name = "torch"
    title = "PyTorch"
    packages = ("torch", "transformers")
    devices = ("cpu", "cuda")
    is_compiled = False

    def check_installed(self, device: Device) -> None:
        """Raise InstallationError where torch, or the device in torch, is not here."""
        try:
            import torch
        except ImportError as error:
            raise InstallationError("torch is not installed; install it: pip install torch") from error
        if device == "cuda" and not torch.cuda.is_available():
            raise InstallationError(
                "{} is cuda, and torch {} sees no GPU; check that nvidia-smi lists one and install a CUDA build of "
                "torch, or give {}.",
                *(Parameter("device"), torch.__version__, Parameter("device", "cpu")),
            )

    def load(self, spec: EngineSpec) -> Infer:
        """The model in the directory `spec.path`, or one of random weights."""
        import torch

        from prune.tasks.torch_runner import arrays_of

        forward, outputs, device = self._forward(spec), spec.outputs, spec.device

        @torch.inference_mode()
        def infer(inputs: Inputs) -> Outputs:
            return arrays_of(forward(**_on_device(inputs, device)), outputs)

        return infer

    def load_on_device(self, spec: EngineSpec) -> Bind:
        """As `load`, but a call's inputs are copied once, before its passes are timed."""
        return partial(_DeviceCall, self._forward(spec), spec)

    def _forward(self, spec: EngineSpec) -> Any:
        import torch

        from prune import checkpoint

        torch.set_num_threads(spec.threads)
        path = spec.path
        model = checkpoint.load(path) if path else checkpoint.random_model(spec.encoder, spec.shape)
        model.to(torch.device(spec.device))  # type: ignore[arg-type]  # wrapped in a way that loses its signature
        return torch.compile(model, dynamic=False) if self.is_compiled else model


class CompiledTorch(Torch):
    """Built anew for each size that it meets (torch.compile with its default backend, static shapes).

    The first call takes a minute or so.
    """

    name = "torch-compiled"
    title = "PyTorch, compiled"
    is_compiled = True


class _DeviceCall:
    """Passes over the same tensors, timed by the GPU's events."""

    def __init__(self, forward: Any, spec: EngineSpec, inputs: Inputs) -> None:
        import torch

        self._forward, self._names = forward, spec.outputs
        self._tensors = _on_device(inputs, spec.device)
        self._start, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._graph: torch.cuda.CUDAGraph | None = None
        if spec.timing == "cuda-graph":
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

    def outputs(self) -> Outputs:
        """Of the last pass."""
        from prune.tasks.torch_runner import arrays_of

        return arrays_of(self._output, self._names)

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


def _on_device(inputs: Inputs, device: str) -> "dict[str, Tensor]":
    import torch

    return {name: torch.from_numpy(array).to(device) for name, array in inputs.items()}
