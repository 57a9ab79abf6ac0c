"""What groups of options refuse of each other, in one place: each by itself cannot know of it."""

from prune.methods import Method
from prune.methods.options import L0
from prune.options import Amount, Data, Training
from prune.train.settings import TrainingSettings
from trellis.errors import InputError, Parameter


def check_together(
    amount: Amount, method: Method, l0: L0, data: Data, training: Training, settings: TrainingSettings
) -> None:
    """Raise InputError where two groups contradict each other, or one needs what another leaves out."""
    _check_amount(amount, l0)
    _check_method(amount, method, l0, data)
    _check_calibration(amount, l0, data)
    _check_training(amount, data, training, settings)


def _check_amount(amount: Amount, l0: L0) -> None:
    weights = [name for name in ("lambda_heads", "lambda_ffn") if getattr(l0, name) is not None]
    for weight, fraction in (("lambda_heads", "prune_heads"), ("lambda_ffn", "prune_ffn")):
        if weight in weights and getattr(amount, fraction) is not None:
            raise InputError(
                "{} and {} both say how much to remove; give one of them.",
                *(Parameter(fraction), Parameter(weight)),
            )
    for name in ("shape", "plan"):
        if weights and getattr(amount, name) is not None:
            raise InputError(
                "{} and {} both say how much to remove; give one of them.",
                *(Parameter(name), Parameter(weights[0])),
            )
    if amount.no_prune and weights:
        raise InputError(
            "{} and {} contradict each other; give one of them.",
            *(Parameter("no_prune"), Parameter(weights[-1])),
        )


def _check_method(amount: Amount, method: Method, l0: L0, data: Data) -> None:
    wanted = Parameter("method", "l0")
    if l0.is_weighted and method != "l0":
        raise InputError(
            "{} and {} weigh gates of {}, not {}; add {}.",
            *(Parameter("lambda_heads"), Parameter("lambda_ffn"), wanted, method, wanted),
        )
    if method == "l0" and not (data.train or amount.no_prune or amount.plan):
        raise InputError(
            "{} trains gates on annotated questions; name them with {}.", wanted, Parameter("train")
        )
    for name, is_given in (("gate_share", l0.gate_share != 1), ("joint", l0.joint)):
        if is_given and method != "l0":
            raise InputError(
                "{} is about gates, which {} has none of; add {}.", Parameter(name), method, wanted
            )


def _check_calibration(amount: Amount, l0: L0, data: Data) -> None:
    if amount.no_prune and data.calibration:
        raise InputError(
            "{} and {} contradict each other; give one of them.",
            *(Parameter("no_prune"), Parameter("calibration")),
        )
    if data.calibration and (amount.is_given or l0.is_weighted):
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
