"""Everything about one run of the command, as it was found: the value that all forms of output are made of.

`bench --json` writes it, and it is read back from there; nothing is computed anew on the way. See `formats` for what
older versions wrote.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.json_field import Field
from bench.measure.environment import Disturbance, Environment
from bench.measure.inputs import DESCRIPTION
from bench.result.comparison import Comparison
from bench.result.formats import FORMAT, in_todays_format
from bench.result.limits import Limit
from bench.workload import Effort
from trellis.files.json_file import read_json


@dataclass(frozen=True)
class Result:
    """Everything about one run of the command."""

    command: str
    """What was typed."""
    environment: Environment
    disturbance: Disturbance
    effort: Effort
    comparisons: list[Comparison]
    limits: list[Limit]
    inputs: str = DESCRIPTION
    """What the engines were fed, in words."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know, a sentence each; warnings are among them."""
    warnings: tuple[str, ...] = ()
    """What holds for all of its figures."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; all times in seconds."""
        return {
            "format": FORMAT,
            "command": self.command,
            "environment": self.environment.to_dict(),
            "disturbance": self.disturbance.to_dict(),
            "settings": {"inputs": self.inputs, **self.effort.to_dict()},
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "gates": [limit.to_dict() for limit in self.limits],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, data: Any, source: str = "The result") -> "Result":
        """Inverse of `to_dict`; `data` may be of an older format.

        Raises InputError, one sentence that names `source` and the field, where it is no result, of a format that is
        not read, or damaged.
        """
        root = Field(in_todays_format(data, source), source)
        comparisons = [Comparison.from_field(one) for one in root["comparisons"].items(least=1)]
        settings = root["settings"]
        return cls(
            command=root["command"].text(),
            environment=Environment.from_field(root["environment"]),
            disturbance=Disturbance.from_field(root["disturbance"]),
            effort=Effort.from_field(settings),
            comparisons=comparisons,
            limits=[Limit.from_field(limit) for limit in root["gates"].items()],
            inputs=settings["inputs"].text(),
            notes=tuple(root["notes"].texts()),
            warnings=tuple(root["warnings"].texts()),
        )


def read_result(path: Path) -> Result:
    """The result that `bench --json` wrote to `path`; raises InputError as `Result.from_dict` and `read_json` do."""
    return Result.from_dict(read_json(path, "result of bench"), str(path))
