"""Passes of a session over the GPU's memory, timed by the GPU's clock."""

from functools import partial
from itertools import count
from typing import Any

import numpy as np

from export.ports import output_shape
from export.runtimes.cuda import Device
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.onnxruntime.session import PROVIDERS, open_session
from export.runtimes.runtime import Bind, Inputs
from prune.families.encoder import Encoder
from prune.tasks.batch import Outputs

_CAPTURES = {
    "CUDAExecutionProvider": "enable_cuda_graph",
    "TensorrtExecutionProvider": "trt_cuda_graph_enable",
}
"""What has a provider capture its passes, where it is the first, which runs all of the graph."""
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def load_on_device(spec: EngineSpec) -> Bind:
    """The file at `spec.path`; inputs and outputs are bound to the GPU's memory, and it works on a stream of ours."""
    device = Device()
    device.__enter__()  # until the process ends: a worker runs one engine
    options: dict[str, dict[str, str]] = {
        name: {"user_compute_stream": str(device.stream)} for name in PROVIDERS[spec.device][:-1]
    }
    if spec.timing == "cuda-graph":
        first = PROVIDERS[spec.device][0]
        options[first][_CAPTURES[first]] = "1"
    session = open_session(spec, options)
    return partial(_DeviceCall, session, spec.encoder, device, count(1))


class _DeviceCall:
    """Passes over the same memory, timed by the GPU's events."""

    def __init__(
        self, session: Any, encoder: Encoder, device: Device, numbers: "count[int]", inputs: Inputs
    ) -> None:
        import onnxruntime

        self._session, self._device = session, device
        self._binding = session.io_binding()
        for argument in session.get_inputs():
            self._binding.bind_ortvalue_input(
                argument.name,
                onnxruntime.OrtValue.ortvalue_from_numpy(inputs[argument.name], "cuda", device.index),
            )
        size = output_shape(encoder, *inputs["input_ids"].shape)
        self._outputs = {
            output.name: onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                size, _TYPES[output.type], "cuda", device.index
            )
            for output in session.get_outputs()
        }
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._options = onnxruntime.RunOptions()
        # The end of a pass is an event's to tell; and each size is captured as a graph of its own.
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._options.add_run_config_entry("gpu_graph_id", str(next(numbers)))
        self._ask()  # the first pass allocates and, where that is wanted, captures
        device.synchronize()

    def run(self) -> float:
        """One forward pass; the GPU's seconds."""
        return self._device.seconds_of(self._ask)

    def outputs(self) -> Outputs:
        """Of the last pass."""
        return {name: value.numpy() for name, value in self._outputs.items()}

    def _ask(self) -> None:
        self._session.run_with_iobinding(self._binding, self._options)
