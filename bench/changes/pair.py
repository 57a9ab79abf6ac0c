"""What tells one comparison of a result from the others, and finds it again in another result."""

from dataclasses import dataclass

from bench.result.comparison import Comparison
from trellis.printable import spelled_out


@dataclass(frozen=True)
class Pair:
    """Both models by name, and how they were run; names are spelled out, so that no terminal is steered by them."""

    candidate: str
    baseline: str
    runtime: str
    precision: str
    """The candidate's."""
    baseline_precision: str
    threads: int
    clients: int
    timing: str

    @property
    def label(self) -> str:
        """In words."""
        against = "" if self.precision == self.baseline_precision else f" against {self.baseline_precision}"
        clients = f", {self.clients} clients" if self.clients > 1 else ""
        timed = "" if self.timing == "call" else f", timed by {self.timing}"
        how = f"{self.runtime}, {self.precision}{against}, {self.threads} threads{clients}{timed}"
        return f"{self.candidate} against {self.baseline} ({how})"


def pair_of(comparison: Comparison) -> Pair:
    """What `comparison` is known by."""
    candidate, baseline = comparison.models["candidate"], comparison.models["baseline"]
    return Pair(
        spelled_out(candidate.name),
        spelled_out(baseline.name),
        spelled_out(candidate.runtime),
        spelled_out(candidate.precision),
        spelled_out(baseline.precision),
        candidate.threads,
        candidate.clients,
        spelled_out(candidate.timing),
    )
