"""A machine whose speed drifts by a factor of two, on which launches have luck and turns have noise."""

import math
from dataclasses import dataclass

import numpy as np

from bench.stats import Speedup, launches_needed, speedup

ORDERS = ((0, 1, 1, 0), (1, 0, 0, 1))


@dataclass(frozen=True)
class Machine:
    """What goes wrong on it; all relative."""

    luck: float = 0.01
    """Standard deviation of each engine's time from launch to launch."""
    noise: float = 0.02
    """Of a turn's time."""
    memory: float = 0.0
    """Correlation of an engine's neighbouring turns."""
    outliers: float = 0.0
    """Share of turns that a neighbour spoils."""
    drift: float = 2.0
    """The machine at its slowest, times as slow as at its fastest."""
    pace: float = 0.02
    """Radians of the drift's cycle that pass in a turn."""

    def launch(self, rng: np.random.Generator, true: float, launch: int, blocks: int) -> list[float]:
        """The blocks' log ratios of one launch, `true` being how many times faster the candidate is."""
        lucks, state = rng.normal(0, self.luck, 2), rng.normal(size=2)
        clock = rng.uniform(0, 2 * math.pi)
        ratios = []
        for block in range(blocks):
            logs: tuple[list[float], list[float]] = ([], [])
            for engine in ORDERS[(launch + block) % 2]:
                clock += self.pace
                fresh = math.sqrt(1 - self.memory**2) * rng.normal()
                state[engine] = self.memory * state[engine] + fresh
                log = (
                    0.5 * math.log(self.drift) * math.sin(clock) + lucks[engine] + self.noise * state[engine]
                )
                if rng.random() < self.outliers:
                    log += math.log1p(rng.exponential(0.5))
                logs[engine].append(log + (math.log(true) if engine == 0 else 0.0))
            ratios.append(sum(logs[0]) / 2 - sum(logs[1]) / 2)
        return ratios

    def measured(
        self,
        rng: np.random.Generator,
        true: float,
        *,
        blocks: int = 6,
        pilot: int = 5,
        goal: float,
        most: int,
    ) -> Speedup:
        """One whole measurement, stopping rule and limit of time (`most` launches) included."""
        launches = [self.launch(rng, true, number, blocks) for number in range(pilot)]
        wanted = min(most, launches_needed(launches, goal))
        launches += [self.launch(rng, true, number, blocks) for number in range(pilot, wanted)]
        return speedup(launches, pilot)
