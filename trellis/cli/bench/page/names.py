"""What the models are called on the page: as short as tells them apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.result.comparison import Comparison
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.workload import ROLES, Role
from trellis.html.format import short_names

_HOW = ("runtime", "device", "precision", "threads", "clients", "timing")


@dataclass(frozen=True)
class Compared:
    """One comparison of the result, and what its models are called."""

    found: Comparison
    names: dict[Role, str]
    """The baseline's first."""

    @property
    def title(self) -> str:
        """Which model against which."""
        return f"{self.names['candidate']} against {self.names['baseline']}"

    @property
    def points(self) -> Sequence[Point]:
        """Its operating points."""
        return self.found.points

    @property
    def warnings_of_speed(self) -> list[str]:
        """What its speed-ups must not be read without, a sentence each."""
        apart = [each for each in self.found.warnings if each not in self._of_accuracy]
        of_points = [f"{point.where}: {warning}" for point in self.points for warning in point.warnings]
        return [f"{self.names['candidate']}: {each}" for each in (*apart, *of_points)]

    @property
    def warnings_of_accuracy(self) -> list[str]:
        """What its measures of accuracy must not be read without; each sentence says of which model it is."""
        return [each for each in self.found.warnings if each in self._of_accuracy]

    @property
    def _of_accuracy(self) -> Sequence[str]:
        return self.found.accuracy.warnings if self.found.accuracy else ()

    def by_role(self) -> Iterator[tuple[Role, str, MeasuredModel]]:
        """(role, name, what is known) of its two models."""
        for role in ROLES:
            yield role, self.names[role], self.found.models[role]


def name_all(comparisons: Sequence[Comparison]) -> list[Compared]:
    """Each comparison with its models' names: the path's end, and how a model is run where runs differ in that."""
    models = [comparison.models[role] for comparison in comparisons for role in ROLES]
    short = short_names([model.name for model in models])
    varied = [part for part in _HOW if len({getattr(model, part) for model in models}) > 1]

    def name(model: MeasuredModel) -> str:
        how = ", ".join(words for part in varied if (words := _how(part, getattr(model, part))))
        return f"{short[model.name]} ({how})" if how else short[model.name]

    return [Compared(each, {role: name(each.models[role]) for role in ROLES}) for each in comparisons]


def baseline_of(compared: Sequence[Compared]) -> str:
    """What all of them are held against, by name where that is one model."""
    names = {each.names["baseline"] for each in compared}
    return names.pop() if len(names) == 1 else "its baseline"


def _how(part: str, value: str | int) -> str | None:
    """In words; None for what is taken for granted."""
    if value in ("fp32", "cpu", "call"):
        return None
    if part in ("threads", "clients"):
        return f"{value} {part if value != 1 else part[:-1]}"
    return str(value)
