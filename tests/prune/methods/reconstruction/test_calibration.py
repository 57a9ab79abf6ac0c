"""Moments of what each reader reads: of all tokens, and of no padding."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support import tiny, toy_family, training

from prune.methods.reconstruction.calibration import reader_moments
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.streams import caught
from prune.methods.reconstruction.sublayers import sublayers_of


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


@pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])
def test_padded_batches_have_the_moments_of_windows_that_are_fed_one_by_one(model_type: str) -> None:
    model = tiny.model(model_type).double()
    windows = training.windows(13, shortest=4, longest=30)
    batches = batches_of(model, windows, 1, 5)
    assert any((batch["attention_mask"] == 0).any() for batch in batches)
    readers = [sublayer.reader for sublayer in sublayers_of(model)]
    reads: list[list[torch.Tensor]] = [[] for _ in readers]
    with torch.no_grad():
        for batch in batches_of(model, windows, 1, 1):
            inputs, _ = caught(lambda batch=batch: model(**batch), readers, [])  # type: ignore[misc]
            for each, read in zip(reads, inputs, strict=True):
                each.append(read[0])
    for found, parts in zip(reader_moments(model, batches), reads, strict=True):
        z = torch.cat(parts).numpy()
        assert found.count == len(z) == windows.lengths.sum()
        np.testing.assert_allclose(found.mean, z.mean(0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.scatter, len(z) * np.cov(z.T, bias=True), rtol=1e-9, atol=1e-9)
