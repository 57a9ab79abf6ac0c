"""One model on one runtime, as plain values: a process that is to run it is told them through JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from export.ports import input_names, output_names
from prune.families.encoder import Encoder
from prune.shape import ModelShape

Device = Literal["cpu", "cuda", "tensorrt"]
"""Where it runs; tensorrt is onnxruntime's provider of that name, on a GPU as cuda is."""
Timing = Literal["call", "device", "cuda-graph"]
"""What is timed: a whole call, from arrays on the host to logits on the host; or what a GPU does in it, by its own
clock, inputs and logits being in its memory; or that, replayed as a CUDA graph."""


@dataclass(frozen=True)
class EngineSpec:
    """One model on one runtime: all that it takes to load and feed it."""

    runtime: str
    """A name in export.runtimes.RUNTIMES."""
    device: Device
    threads: int
    encoder: Encoder
    shape: ModelShape
    path: Path | None
    """What the runtime runs: ONNX file, engine or model directory; None: random weights of that shape (PyTorch)."""
    clients: int = 1
    """How many call it at the same time."""
    timing: Timing = "call"
    bfloat16: bool = False
    """Whether OpenVINO may compute in it what the file does not have in int8."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it reads, whole numbers, [batch, sequence] each."""
        return input_names(self.encoder)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives, floats."""
        return output_names(self.encoder)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the line that a worker reads."""
        return {
            "runtime": self.runtime,
            "device": self.device,
            "threads": self.threads,
            "encoder": self.encoder.to_dict(),
            "shape": self.shape.to_dict(),
            "path": None if self.path is None else str(self.path),
            "clients": self.clients,
            "timing": self.timing,
            "bfloat16": self.bfloat16,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EngineSpec":
        """Inverse of `to_dict`."""
        return cls(
            runtime=data["runtime"],
            device=data["device"],
            threads=data["threads"],
            encoder=Encoder.from_dict(data["encoder"]),
            shape=ModelShape.from_dict(data["shape"]),
            path=None if data["path"] is None else Path(data["path"]),
            clients=data["clients"],
            timing=data["timing"],
            bfloat16=data["bfloat16"],
        )
