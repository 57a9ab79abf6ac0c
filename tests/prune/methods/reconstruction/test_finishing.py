"""Finishing goes by the uncut model alone, for as many steps as asked."""

from pathlib import Path

import numpy as np
import pytest
from support import tiny, training
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.finishing import HELD_OUT, LOOKS, finish, finishing_settings
from prune.methods.reconstruction.inputs import batches_of
from prune.tasks.question_answering.stored import StoredWindows
from prune.tasks.question_answering.windows import Window


def finished(windows: StoredWindows, directory: Path, steps: int = 30) -> PreTrainedModel:
    model = tiny.model()
    cut = shrink(model, tiny.UNEVEN)
    settings = finishing_settings(windows, steps, learning_rate=3e-3)
    outcome = finish(cut, model, windows, settings, pad_token_id=0, directory=directory)
    assert outcome.steps == steps
    return cut


def relabelled(windows: StoredWindows) -> StoredWindows:
    """The same text with every answer at the first token."""
    made = []
    for index, group in enumerate(windows.groups.tolist()):
        batch = windows.batch([index], 0)
        types = None if batch.token_type_ids is None else batch.token_type_ids[0].astype(np.int32)
        ids = batch.input_ids[0].astype(np.int32)
        made.append((group, Window(index, ids, types, np.zeros((0, 2), np.int32), 0, 0)))
    return StoredWindows.of(made)


def test_it_brings_the_cut_model_nearer_and_asks_no_labels(tmp_path: Path) -> None:
    windows = training.windows(60)
    model, cut = tiny.model(), finished(windows, tmp_path / "first")
    reference = Reference.of(model, batches_of(model, training.windows(20, seed=9), 0))
    assert reference.divergence(cut) < 0.9 * reference.divergence(shrink(model, tiny.UNEVEN))
    assert tiny.same_weights(cut, finished(relabelled(windows), tmp_path / "second"))


def test_checkpoints_are_written_only_where_the_held_out_windows_are_looked_at(tmp_path: Path) -> None:
    model, windows = tiny.model(), training.windows(60)
    seen: set[str] = set()

    def note(step: int, total: int, said: str) -> None:
        seen.update(path.name for path in tmp_path.glob("checkpoint-*"))

    finish(
        shrink(model, tiny.UNEVEN),
        model,
        windows,
        finishing_settings(windows, 120),
        pad_token_id=0,
        directory=tmp_path,
        progress=note,
    )
    steps = sorted(int(name.removeprefix("checkpoint-")) for name in seen)
    assert set(steps) <= {10 * look for look in range(1, LOOKS + 1)}
    assert len(steps) >= LOOKS - 1


@pytest.mark.parametrize(("count", "steps"), [(60, 1), (60, 200), (5, 7), (400, 30)])
def test_there_are_as_many_steps_as_were_asked_for(count: int, steps: int) -> None:
    windows = training.windows(count)
    settings = finishing_settings(windows, steps)
    kept, held_out = windows.split(HELD_OUT, settings.seed)
    assert len(held_out)
    assert max(1, round(settings.epochs * -(-len(kept) // settings.batch_size))) == steps
