"""What a result says of a model that was measured, and of how it was run."""

from dataclasses import dataclass
from typing import Any, get_args

from bench.json_field import Field
from bench.models import Model, Weights
from prune.cost import parameters
from prune.families.encoder import Encoder
from prune.shape import ModelShape


@dataclass(frozen=True)
class MeasuredModel:
    """One model of a comparison. What it ran on is told in words: results of other versions may know other ones."""

    name: str
    """As the user called it."""
    encoder: Encoder
    shape: ModelShape
    original_shape: ModelShape
    dialect: str | None
    """Of the ONNX graph; None: no graph."""
    precision: str
    weights: Weights
    runtime: str
    device: str
    threads: int
    clients: int
    timing: str
    file_bytes: int | None
    """Size of what was loaded; None: nothing was."""
    sha256: str | None
    """Of what was loaded; None: random weights."""
    parameters: int

    @classmethod
    def of(cls, model: Model) -> "MeasuredModel":
        """What is worth knowing of `model` once it was measured."""
        engine = model.engine
        return cls(
            name=model.name,
            encoder=engine.encoder,
            shape=engine.shape,
            original_shape=model.original_shape,
            dialect=model.dialect,
            precision=model.precision,
            weights=model.weights,
            runtime=engine.runtime,
            device=engine.device,
            threads=engine.threads,
            clients=engine.clients,
            timing=engine.timing,
            file_bytes=model.file_bytes,
            sha256=model.sha256,
            parameters=parameters(engine.encoder, engine.shape),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "encoder": self.encoder.to_dict(),
            "shape": self.shape.to_dict(),
            "original_shape": self.original_shape.to_dict(),
            "dialect": self.dialect,
            "precision": self.precision,
            "weights": self.weights,
            "runtime": self.runtime,
            "device": self.device,
            "threads": self.threads,
            "clients": self.clients,
            "timing": self.timing,
            "bytes": self.file_bytes,
            "sha256": self.sha256,
            "parameters": self.parameters,
        }

    @classmethod
    def from_field(cls, field: Field) -> "MeasuredModel":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        shape, original = (field[name].made(ModelShape.from_dict) for name in ("shape", "original_shape"))
        field["shape"].made(lambda _: shape.check_within(original))
        return cls(
            name=field["name"].text(),
            encoder=field["encoder"].made(Encoder.from_dict),
            shape=shape,
            original_shape=original,
            dialect=field["dialect"].or_none(Field.text),
            precision=field["precision"].text(),
            weights=field["weights"].one_of(get_args(Weights)),
            runtime=field["runtime"].text(),
            device=field["device"].text(),
            threads=field["threads"].whole(least=1),
            clients=field["clients"].whole(least=1),
            timing=field["timing"].text(),
            file_bytes=field["bytes"].or_none(lambda size: size.whole(least=0)),
            sha256=field["sha256"].or_none(Field.text),
            parameters=field["parameters"].whole(least=0),
        )
