"""One operating point of a comparison: what was timed there, and what follows from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.json_field import Field
from bench.measure.statistics import Latency, Speedup
from bench.measure.turns import Samples
from bench.workload import ROLES, Load, Role, load_from_field, where_of


@dataclass(frozen=True)
class Point:
    """One operating point; all times in seconds."""

    loads: dict[Role, Load]
    samples: Samples
    latencies: dict[Role, Latency]
    speedup: Speedup
    multiply_adds: dict[Role, int]
    """Of one timed unit."""
    of_peak: dict[Role, float | None]
    """Which share of the machine's fastest matrix product each model reaches; None where none is known."""
    warnings: tuple[str, ...] = ()
    """What makes its speed-up worth less than it looks, a sentence each."""

    @property
    def where(self) -> str:
        """The operating point, in words."""
        return where_of(self.loads)

    @property
    def multiply_add_ratio(self) -> float:
        """How many times fewer multiply-adds the candidate needs."""
        return self.multiply_adds["baseline"] / self.multiply_adds["candidate"]

    def start(self, role: Role) -> dict[str, float | None]:
        """What starting it costs: medians over launches of the times, the most memory of any."""
        starts = [launch.starts[role] for launch in self.samples.launches]
        return {
            "load_seconds": median(start.load_seconds for start in starts),
            "first_call_seconds": median(start.first_call_seconds for start in starts),
            "peak_bytes": _most(start.peak_bytes for start in starts),
            "device_bytes": _most(start.device_bytes for start in starts),
        }

    def seconds(self, role: Role) -> list[float]:
        """Every timed unit of one engine, ascending."""
        return sorted(
            second
            for launch in self.samples.launches
            for block in launch.blocks
            for turn in block.turns[role]
            for second in turn.seconds
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "where": self.where,
            **{
                str(role): {
                    "load": self.loads[role].to_dict(),
                    **self.latencies[role].to_dict(),
                    **self.start(role),
                    "multiply_adds": self.multiply_adds[role],
                    "of_peak": self.of_peak[role],
                }
                for role in ROLES
            },
            "speedup": self.speedup.to_dict(),
            "multiply_add_ratio": self.multiply_add_ratio,
            "pilot": self.samples.pilot,
            "launches": [launch.to_dict() for launch in self.samples.launches],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_field(cls, field: Field, clients: Mapping[Role, int]) -> "Point":
        """Inverse of `to_dict`, of engines that so many call; raises InputError where `field` is damaged."""
        return cls(
            loads={role: load_from_field(field[role]["load"]) for role in ROLES},
            samples=Samples.from_field(field, clients),
            latencies={role: Latency.from_field(field[role]) for role in ROLES},
            speedup=Speedup.from_field(field["speedup"]),
            multiply_adds={role: field[role]["multiply_adds"].whole(least=1) for role in ROLES},
            of_peak={role: field[role]["of_peak"].or_none(Field.number) for role in ROLES},
            warnings=tuple(field["warnings"].texts()),
        )


def _most(sizes: Iterable[int | None]) -> int | None:
    return max((size for size in sizes if size is not None), default=None)
