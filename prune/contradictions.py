"""What groups of options refuse of each other, in one place: each by itself cannot know of it."""

from prune.methods.method import Method, lacks_labels
from prune.options import Amount, Data, Training
from prune.train.settings import TrainingSettings
from trellis.errors import InputError, Parameter


def check_together(
    amount: Amount, method: Method, data: Data, training: Training, settings: TrainingSettings
) -> None:
    """Raise InputError where two groups contradict each other, or one needs what another leaves out."""
    _check_amount(amount, method)
    _check_needs(amount, method, data)
    _check_calibration(amount, method, data)
    _check_training(amount, data, training, settings)


def _check_amount(amount: Amount, method: Method) -> None:
    for name, replaced in method.amounts.items():
        if getattr(amount, replaced) is not None:
            raise InputError(
                "{} and {} both say how much to remove; give one of them.",
                *(Parameter(replaced), Parameter(name)),
            )
    own = list(method.amounts)
    for name in ("shape", "plan"):
        if own and getattr(amount, name) is not None:
            raise InputError(
                "{} and {} both say how much to remove; give one of them.",
                *(Parameter(name), Parameter(own[0])),
            )
    if amount.no_prune and own:
        raise InputError(
            "{} and {} contradict each other; give one of them.",
            *(Parameter("no_prune"), Parameter(own[-1])),
        )


def _check_needs(amount: Amount, method: Method, data: Data) -> None:
    if method.needs == "labels" and not (data.train or amount.no_prune or amount.plan):
        raise lacks_labels(method)


def _check_calibration(amount: Amount, method: Method, data: Data) -> None:
    if amount.no_prune and data.calibration:
        raise InputError(
            "{} and {} contradict each other; give one of them.",
            *(Parameter("no_prune"), Parameter("calibration")),
        )
    if data.calibration and (amount.is_given or method.amounts):
        raise InputError(
            "{} guides the search for how much to remove, and you said how much; to score by questions of your "
            "own, give them with {}.",
            *(Parameter("calibration"), Parameter("train")),
        )


def _check_training(amount: Amount, data: Data, training: Training, settings: TrainingSettings) -> None:
    distill = Parameter("distill")
    if training.is_wanted and not data.train:
        way = Parameter("retrain") if training.retrain is not None else distill
        raise InputError("{} trains on questions; name them with {}.", way, Parameter("train"))
    for name in ("task_weight", "hidden_weight"):
        if getattr(settings, name) and training.distill is None:
            raise InputError(
                "{} is a part of the loss of {}; say for how many epochs: {}.",
                *(Parameter(name), distill, Parameter("distill", 1)),
            )
    if training.is_wanted:
        settings.accumulation(num_ranks=1)
    if training.distill is not None and amount.no_prune and not training.teacher:
        raise InputError(
            "An uncut model has nothing to learn from itself; name another {}, or use {}.",
            *(Parameter("teacher"), Parameter("retrain")),
        )
