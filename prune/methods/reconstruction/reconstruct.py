"""The whole road: a model, text and a budget in; the plan and the repaired cut model out."""

from dataclasses import dataclass

from transformers import PreTrainedModel

from prune.methods.reconstruction.calibrated import Calibrated, Progress, calibrate, told
from prune.methods.reconstruction.choice import choose, one_shot
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.rebuild import Rebuilt, rebuild
from prune.methods.reconstruction.settings import ReconstructionSettings
from prune.methods.target import Budget
from prune.plan import Plan
from prune.tasks.question_answering.stored import StoredWindows


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A cut model whose remaining weights make up for what went. Divergences are in nats, see `Reference`."""

    plan: Plan
    model: PreTrainedModel
    predicted: float
    """Divergence that the prices of the chosen levels add up to."""
    rebuilt: Rebuilt
    """What fitting all sublayers anew, from the bottom up, made of it; the judging windows said what stays."""

    @property
    def one_shot(self) -> float:
        """Divergence on the judging windows when each sublayer was repaired by itself."""
        return self.rebuilt.before


def reconstruct(
    model: PreTrainedModel,
    windows: StoredWindows,
    budget: Budget,
    settings: ReconstructionSettings | None = None,
    *,
    pad_token_id: int,
    progress: Progress | None = None,
) -> Reconstruction:
    """Cut a copy of `model` to `budget` at the least loss to its answers, going by `windows` without their labels.

    Raises InputError for fewer than four texts, and for a budget that nothing is left within.
    """
    chosen = settings or ReconstructionSettings()
    calibrated = calibrate(model, windows, chosen, pad_token_id=pad_token_id, progress=progress)
    return cut_to(calibrated, budget, progress=progress)


def cut_to(calibrated: Calibrated, budget: Budget, *, progress: Progress | None = None) -> Reconstruction:
    """The same for a model that is calibrated already: one calibration serves any number of budgets."""
    plan, predicted = choose(calibrated, budget)
    cut = one_shot(calibrated, plan)
    division = calibrated.division
    rebuilt = rebuild(
        calibrated.model,
        cut,
        plan,
        calibrated.batches(division.calibrate),
        Reference.of(calibrated.model, calibrated.batches(division.judge)),
        damping=calibrated.settings.damping,
        progress=told(progress, "rebuilding layers"),
    )
    return Reconstruction(plan, cut, predicted, rebuilt)
