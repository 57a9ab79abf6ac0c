"""A candidate held against a baseline: the models, the operating points, the accuracy."""

from dataclasses import dataclass
from typing import Any

from bench.accuracy import Accuracy
from bench.json_field import Field
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.workload import ROLES, Role


@dataclass(frozen=True)
class Comparison:
    """A candidate against a baseline, at every operating point."""

    models: dict[Role, MeasuredModel]
    points: list[Point]
    accuracy: Accuracy | None
    warnings: tuple[str, ...] = ()
    """What its figures must not be read without, a sentence each."""

    @property
    def of_itself(self) -> bool:
        """Whether a model is compared with itself, given its work in another arrangement."""
        alike = self.models["candidate"] == self.models["baseline"]
        return alike and any(point.loads["candidate"] != point.loads["baseline"] for point in self.points)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **{str(role): self.models[role].to_dict() for role in ROLES},
            "points": [point.to_dict() for point in self.points],
            "accuracy": self.accuracy and self.accuracy.to_dict(),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_field(cls, field: Field) -> "Comparison":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        models = {role: MeasuredModel.from_field(field[role]) for role in ROLES}
        clients = {role: model.clients for role, model in models.items()}
        return cls(
            models,
            [Point.from_field(point, clients) for point in field["points"].items(least=1)],
            field["accuracy"].or_none(Accuracy.from_field),
            tuple(field["warnings"].texts()),
        )
