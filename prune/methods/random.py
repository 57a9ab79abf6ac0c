"""random: every unit is worth the same chance of going. The naive baseline of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from prune.cost.passes import Passes
from prune.methods.job import Job
from prune.methods.method import Method, Need, Scored
from prune.methods.target import Target
from prune.plan import Scores
from prune.shape import ModelShape
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.work import Work


@dataclass(frozen=True)
class Random(Method):
    """Units by chance, drawn with the seed."""

    name: ClassVar[str] = "random"
    does: ClassVar[str] = "draws the units that go by chance"
    needs: ClassVar[Need] = "nothing"

    def rank(self, job: Job, target: Target | None, work: "Work", progress: Report) -> Scored:
        """Scores that the seed draws."""
        return Scored(random_scores(job.whole, seed=job.seed))

    def passes(self, job: Job, target: Target | None) -> Iterator[Passes]:
        """None: no model is asked."""
        return iter(())


def random_scores(shape: ModelShape, *, seed: int = 0) -> Scores:
    """Independent uniform scores, so that any fraction removed is a uniformly random subset."""
    generator = np.random.default_rng(seed)
    return Scores(
        tuple(generator.random(layer.num_heads) for layer in shape.layers),
        tuple(generator.random(layer.intermediate_size) for layer in shape.layers),
    )
