"""The whole road on a real model, with bounds that a broken repair would miss."""

import pytest
from support.real_data import REAL_DATA, REAL_MODEL, needs_real_data, needs_real_model

from prune.cut import shrink
from prune.loaded_model import open_model
from prune.methods.reconstruction.budget import fewer_multiply_adds
from prune.methods.reconstruction.calibrated import calibrate
from prune.methods.reconstruction.choice import one_shot
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.reconstruct import cut_to
from prune.methods.reconstruction.settings import ReconstructionSettings
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.squad.task import SquadTraining
from prune.tasks.question_answering.stored import StoredWindows
from prune.tasks.question_answering.windows import pad_token_id_of


@pytest.mark.slow
@needs_real_data
@needs_real_model
def test_a_real_model_with_a_third_less_work_answers_nearly_as_it_did() -> None:
    subject = open_model(str(REAL_MODEL))
    questions = read_squad(str(REAL_DATA / "squad" / "train.json"), split="train")[::40]
    windows = StoredWindows.of(SquadTraining(questions).windows(subject.tokenizer, subject.settings))
    settings = ReconstructionSettings(calibration_windows=64, pricing_windows=8, judging_windows=24)
    calibrated = calibrate(subject.model, windows, settings, pad_token_id=pad_token_id_of(subject.tokenizer))
    budget = fewer_multiply_adds(subject.model, 1.5)
    result = cut_to(calibrated, budget)
    assert budget.cost(result.plan.shape) <= budget.most
    other_text = read_squad(str(REAL_DATA / "squad" / "dev.json"))[::20]
    other = Reference.of(
        subject.model, calibrated.batches(StoredWindows.of(enumerate(subject.windows(other_text))))
    )
    models = (shrink(subject.model, result.plan), one_shot(calibrated, result.plan), result.model)
    unrepaired, once, rebuilt = map(other.divergence, models)
    assert rebuilt < once < 0.08 * unrepaired
    assert rebuilt < 0.08
    assert result.predicted == pytest.approx(result.one_shot, rel=0.5)
