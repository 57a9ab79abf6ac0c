"""What is measured, as plain values that the parent and its workers share through JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from prune.arch import Encoder
from prune.errors import InputError
from prune.shape import LayerShape, ModelShape

Runtime = Literal["onnxruntime", "openvino", "tensorrt", "torch", "torch-compiled"]
Device = Literal["cpu", "cuda", "tensorrt"]
Role = Literal["baseline", "candidate"]

MIN_ROUNDS = 3
"""Rounds per launch under which no launch goes, however long a call takes: a median needs three."""
MIN_LAUNCHES = 2
"""Launches under which there is no interval: it rests on how launches differ."""
ENOUGH_PAIRS = 30
"""Pairs under which the report says that the interval is wide."""


@dataclass(frozen=True)
class Workload:
    """One operating point: `batch` sequences of `seq` tokens each, in one call."""

    batch: int
    seq: int

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"--batch is {self.batch}; give the number of sequences per call, 1 or more.")
        if self.seq < 1:
            raise InputError(f"--seq is {self.seq}; give the number of tokens per sequence, 1 or more.")


@dataclass(frozen=True)
class Engine:
    """One model on one runtime: all that a worker needs to load and feed it."""

    runtime: Runtime
    device: Device
    threads: int
    encoder: Encoder
    shape: ModelShape
    path: Path | None
    """ONNX file, engine (tensorrt) or model directory (torch); None: torch, random weights of that shape."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the line that a worker reads."""
        return {
            "runtime": self.runtime,
            "device": self.device,
            "threads": self.threads,
            "encoder": self.encoder.to_dict(),
            "shape": self.shape.to_dict(),
            "path": None if self.path is None else str(self.path),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Engine":
        """Inverse of `to_dict`."""
        return cls(
            runtime=data["runtime"],
            device=data["device"],
            threads=data["threads"],
            encoder=Encoder.from_dict(data["encoder"]),
            shape=ModelShape.from_dict(data["shape"]),
            path=None if data["path"] is None else Path(data["path"]),
        )


@dataclass(frozen=True)
class Effort:
    """How much to measure. Fixed before the first sample: no interval ever decides when to stop."""

    launches: int = 5
    """Times that both engines are started afresh; each launch has luck of its own, about one percent."""
    rounds: int = 7
    """Most rounds per launch; a round gives one pair of neighbouring turns."""
    seconds: float = 150.0
    """Time to aim at per operating point; slow calls get fewer rounds, never under MIN_ROUNDS."""

    def __post_init__(self) -> None:
        if self.launches < MIN_LAUNCHES:
            raise InputError(
                f"--launches is {self.launches}; the interval rests on how launches differ, "
                f"so give {MIN_LAUNCHES} or more."
            )
        if self.rounds < MIN_ROUNDS:
            raise InputError(f"--rounds is {self.rounds}; give {MIN_ROUNDS} or more.")
        if not self.seconds > 0:
            raise InputError(f"--seconds is {self.seconds:g}; give a time above 0.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


BERT_BASE = Encoder(
    model_type="bert",
    vocab_size=30522,
    embedding_size=768,
    hidden_size=768,
    head_size=64,
    max_position_embeddings=512,
    type_vocab_size=2,
    pad_token_id=0,
    layer_norm_eps=1e-12,
)
BERT_BASE_SHAPE = ModelShape.uniform(12, num_heads=12, intermediate_size=3072)

# The operating point of McCarley et al. (arXiv 1910.06360), SQuAD 2.0, second row of gates: 53.1 % of heads
# and 64.9 % of activations removed, most of them near the embeddings and near the answer. 76 of BERT-base's
# 144 heads (52.8 %) is the whole number nearest to it; the widths are the multiples of 8 nearest to 64.9 %.
PAPER_SHAPE = ModelShape(
    tuple(
        LayerShape(num_heads, intermediate_size)
        for num_heads, intermediate_size in (
            (4, 640),
            (4, 776),
            (5, 960),
            (6, 1136),
            (7, 1288),
            (7, 1392),
            (8, 1440),
            (8, 1416),
            (7, 1304),
            (6, 1112),
            (4, 856),
            (2, 616),
        )
    )
)
