"""What is known of a model before any budget: in what order its units can go, and what that costs."""

from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedModel

from prune.methods.reconstruction.calibration import reader_moments
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import Division, Inputs, batches_of, divided
from prune.methods.reconstruction.moments import Moments
from prune.methods.reconstruction.obs import Removal, removal_order
from prune.methods.reconstruction.pricing import Floats, levels_of, measured_prices, prices_of
from prune.methods.reconstruction.sensitivity import output_metrics, weighed
from prune.methods.reconstruction.settings import ReconstructionSettings
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.tasks.question_answering.stored import StoredWindows
from trellis.errors import InputError

Progress = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all)."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A model that any number of cuts can be made of. Lists have an entry for each sublayer, see `sublayers_of`."""

    model: PreTrainedModel
    settings: ReconstructionSettings
    division: Division
    pad_token_id: int
    moments: list[Moments]
    """Of what its reader reads."""
    removals: list[Removal]
    levels: list[tuple[int, ...]]
    """How many units may be left, ascending."""
    prices: list[Floats]
    """[levels]: the divergence that each of them costs."""

    def batches(self, windows: StoredWindows) -> list[Inputs]:
        """Windows of the division as the model reads them."""
        return batches_of(self.model, windows, self.pad_token_id, self.settings.batch_size)


def calibrate(
    model: PreTrainedModel,
    windows: StoredWindows,
    settings: ReconstructionSettings,
    *,
    pad_token_id: int,
    progress: Progress | None = None,
) -> Calibrated:
    """Order and price all that can be removed from `model`, which stays as it is.

    Labels of `windows` play no part. Raises InputError for fewer than four texts, and for a model with nothing to cut.
    """
    sublayers = sublayers_of(model)
    if not any(sublayer.units for sublayer in sublayers):
        raise InputError("The model has neither heads nor feed-forward activations left to cut.")
    division = divided(
        windows,
        calibrate=settings.calibration_windows,
        price=settings.pricing_windows,
        judge=settings.judging_windows,
        seed=settings.seed,
    )
    found = Calibrated(model, settings, division, pad_token_id, [], [], [], [])
    found.moments.extend(
        reader_moments(
            model, found.batches(division.calibrate), told(progress, "reading the calibration text")
        )
    )
    felt = division.calibrate.select(range(min(settings.sensitivity_windows, len(division.calibrate))))
    metrics = output_metrics(
        model,
        found.batches(felt),
        seed=settings.seed,
        progress=told(progress, "finding out what the answers depend on"),
    )
    for done, (sublayer, moments, metric) in enumerate(
        zip(sublayers, found.moments, metrics, strict=True), 1
    ):
        found.removals.append(
            removal_order(
                weighed(sublayer.reader.weight, metric),
                moments.scatter,
                sublayer.width,
                damping=settings.damping,
            )
        )
        found.levels.append(levels_of(sublayer, settings.multiple_of))
        if progress:
            progress("ordering heads and activations", done, len(sublayers))
    measured = measured_prices(
        model,
        found.removals,
        found.moments,
        found.levels,
        Reference.of(model, found.batches(division.price)),
        settings.damping,
        told(progress, "pricing levels"),
    )
    for removal, levels, prices in zip(found.removals, found.levels, measured, strict=True):
        found.prices.append(prices_of(removal, levels, prices))
    return found


def told(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    """`progress` of one thing that is done."""
    return (lambda done, total: progress(what, done, total)) if progress else None
