"""What the engines are fed while they are timed."""

import numpy as np
from numpy.typing import NDArray

from bench.workload import Load, Traffic, Workload
from prune.families.encoder import Encoder
from trellis.errors import InputError, Parameter

Inputs = dict[str, NDArray[np.int64]]

DESCRIPTION = "random token ids, never the pad token; full attention masks: no padding"


def inputs_of(encoder: Encoder, load: Load) -> list[Inputs]:
    """The inputs of each call of `load`; in a row that is shorter than its call the rest is masked padding.

    Raises InputError as `random_inputs` does.
    """
    inputs = [random_inputs(encoder, call, seed) for seed, call in enumerate(load.calls)]
    if isinstance(load, Traffic):
        for each, rows in zip(inputs, load.batches, strict=True):
            padded = np.arange(each["input_ids"].shape[1]) >= np.array(rows)[:, None]
            each["attention_mask"][padded] = 0
            each["input_ids"][padded] = encoder.pad_token_id
    return inputs


def check_length(encoder: Encoder, seq: int) -> None:
    """Raise InputError where `seq` tokens are more than the encoder has positions for."""
    if seq > encoder.max_length:
        raise InputError(
            "{} is {}, and the model has positions for {} tokens; give {} or less.",
            *(Parameter("seq"), seq, encoder.max_length, Parameter("seq", encoder.max_length)),
        )


def random_inputs(encoder: Encoder, workload: Workload, seed: int = 0) -> Inputs:
    """What a call reads, all int64 [batch, seq]: `input_ids`, `attention_mask`[, `token_type_ids`].

    Ids are uniform over the vocabulary without the pad token, for which RoBERTa would count fewer positions,
    and every mask is full: each row costs what a full window costs. The first half of a row is question, the
    second context, where there are token types. The same arguments give the same arrays.

    Raises InputError where `seq` is more than the encoder has positions for.
    """
    check_length(encoder, workload.seq)
    if encoder.vocab_size < 2:
        raise InputError("The model's vocabulary is the pad token alone; there is nothing to feed it.")
    size = (workload.batch, workload.seq)
    ids = np.random.default_rng(seed).integers(0, encoder.vocab_size - 1, size, dtype=np.int64)
    ids[ids >= encoder.pad_token_id] += 1  # the draw is one short of the vocabulary: skip the pad token
    inputs = {"input_ids": ids, "attention_mask": np.ones(size, np.int64)}
    if encoder.takes_token_types:
        inputs["token_type_ids"] = np.broadcast_to(
            (np.arange(workload.seq) >= workload.seq // 2).astype(np.int64), size
        ).copy()
    return inputs
