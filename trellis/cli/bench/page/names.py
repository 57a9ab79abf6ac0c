"""What the models are called on the page: as short as tells them apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.workload import ROLES, Role
from trellis.html.format import short_names

_HOW = ("runtime", "device", "precision", "threads", "clients", "timing")


@dataclass(frozen=True)
class Compared:
    """One comparison of the result, and what its models are called."""

    data: Mapping[str, Any]
    names: dict[Role, str]

    @property
    def title(self) -> str:
        """Which model against which."""
        return f"{self.names['candidate']} against {self.names['baseline']}"

    @property
    def of_itself(self) -> bool:
        """Whether a model is compared with itself, given its work in another arrangement."""
        alike = self.data["candidate"] == self.data["baseline"]
        return alike and any(each["candidate"]["load"] != each["baseline"]["load"] for each in self.points)

    @property
    def points(self) -> Sequence[Mapping[str, Any]]:
        """Its operating points."""
        points: Sequence[Mapping[str, Any]] = self.data["points"]
        return points

    @property
    def warnings(self) -> list[str]:
        """What its speed-ups must not be read without, a sentence each."""
        of_points = [
            f"{point['where']}: {warning}" for point in self.points for warning in point.get("warnings", ())
        ]
        return [f"{self.names['candidate']}: {each}" for each in (*self.data.get("warnings", ()), *of_points)]

    def by_role(self) -> Iterator[tuple[Role, str, Mapping[str, Any]]]:
        """(role, name, what is known) of its two models."""
        for role in ROLES:
            yield role, self.names[role], self.data[role]


def name_all(comparisons: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Each comparison with its models' names: the path's end, and how a model is run where runs differ in that."""
    models = [comparison[role] for comparison in comparisons for role in ROLES]
    short = short_names([model["name"] for model in models])
    varied = [key for key in _HOW if len({model[key] for model in models}) > 1]

    def name(model: Mapping[str, Any]) -> str:
        how = ", ".join(words for key in varied if (words := _how(key, model[key])))
        return f"{short[model['name']]} ({how})" if how else short[model["name"]]

    return [Compared(each, {role: name(each[role]) for role in ROLES}) for each in comparisons]


def _how(key: str, value: Any) -> str | None:
    """In words; None for what is taken for granted."""
    if value in ("fp32", "cpu", "call"):
        return None
    if key in ("threads", "clients"):
        return f"{value} {key if value != 1 else key[:-1]}"
    return str(value)
