"""The graph against torch: the same logits, at several lengths, batches and masks, or no file.

Run by the only function that writes an exported model, on the very file that is about to take its place.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from export.ports import TOKEN_TYPE_IDS
from export.runtimes import runtime_of
from export.runtimes.engine_spec import EngineSpec
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.tasks.batch import Batch
from prune.tasks.torch_runner import torch_runner
from trellis.cores import available_cores
from trellis.errors import InputError

TOLERANCE = {"fp32": 1e-4, "fp16": 1e-2}
"""Largest difference allowed by precision, as a share of the largest logit in the case (or of 1, if that is
more). float16 rounds each number by up to 5e-4 of it, and two dozen layers add that up."""


class ParityError(Exception):
    """The graph does not compute what the model computes; it must not be written."""


@dataclass(frozen=True)
class Case:
    """One input to compare on."""

    name: str
    inputs: dict[str, NDArray[np.int64]]
    """[batch, seq] each. Without token types, the graph gets zeros and the model gets none."""
    with_token_types: bool


@dataclass(frozen=True)
class Parity:
    """What the gate found over all its cases."""

    max_absolute: float
    """Largest difference of a logit."""
    max_relative: float
    """Largest difference as a share of the largest logit of its case (or of 1)."""
    tolerance: float
    cases: tuple[str, ...]
    devices: tuple[str, ...]
    """What ran the graph: "CPU" and, where it is for GPUs and the runtime has one to run on, "GPU"."""

    def to_dict(self) -> dict[str, Any]:
        """For the metadata; two digits, since the last ones depend on the machine."""
        values = asdict(self) | {"cases": list(self.cases), "devices": list(self.devices)}
        return values | {key: float(f"{values[key]:.1e}") for key in ("max_absolute", "max_relative")}


def check_parity(
    model: PreTrainedModel, file: Path, precision: str = "fp32", *, runtime: str = "onnxruntime"
) -> Parity:
    """Compare every output of the graph in `file` with `model`, in `runtime`.

    On the CPU, and a graph in fp16 also on a GPU where onnxruntime has one: its kernels are others there. Raises
    ParityError, naming device, output, input and distance, where a difference is above the TOLERANCE of the
    graph's precision; InputError where the GPU does not run it, and where the model's own logits are not finite.
    """
    tolerance = TOLERANCE[precision]
    encoder, _ = encoder_and_original(model)
    spec = EngineSpec(runtime, "cpu", available_cores(), encoder, shape_of(model), file)
    judges = runtime_of(runtime).judges(spec, precision)
    largest_absolute = largest_relative = 0.0
    names = []
    for case in cases(encoder):
        expected = torch_runner(model)(_batch_of(case))
        if not all(np.isfinite(logits).all() for logits in expected.values()):
            raise InputError(
                f"The model itself computes logits that are not finite, on input '{case.name}': its weights pass "
                "what float32 holds. Nothing was written; give a model whose weights are sound."
            )
        for device, infer in judges.items():
            for output, found in infer(case.inputs).items():
                absolute = float(np.abs(found - expected[output]).max())
                relative = absolute / max(1.0, float(np.abs(expected[output]).max()))
                if not relative <= tolerance:  # so that NaN fails too
                    raise ParityError(
                        f"The graph is not the model: on the {device} {output} differs by {absolute:.2e} "
                        f"(relative {relative:.2e}, allowed {tolerance:.0e}) on input '{case.name}'. Nothing "
                        "was written."
                    )
                largest_absolute = max(largest_absolute, absolute)
                largest_relative = max(largest_relative, relative)
        names.append(case.name)
    return Parity(largest_absolute, largest_relative, tolerance, tuple(names), tuple(judges))


def cases(encoder: Encoder) -> Iterator[Case]:
    """One token; an odd length; a padded batch; the longest input with a row of a single token."""
    longest = encoder.max_length
    odd = min(17, longest)
    yield _case(encoder, [1], 1, "batch 1, 1 token", token_types=True)
    yield _case(encoder, [odd], odd, f"batch 1, {odd} tokens", token_types=True)
    yield _case(encoder, [odd], odd, f"batch 1, {odd} tokens, no token types", token_types=False)
    lengths = [min(length, longest) for length in (31, 23, 1)]
    yield _case(encoder, lengths, lengths[0], f"batch 3, {lengths} tokens, right padding", token_types=True)
    yield _case(
        encoder, [longest, 1], longest, f"batch 2, {[longest, 1]} tokens, right padding", token_types=True
    )


def _case(encoder: Encoder, lengths: list[int], longest: int, name: str, *, token_types: bool) -> Case:
    generator = np.random.default_rng(len(name))
    shape = (len(lengths), longest)
    ids = generator.integers(0, encoder.vocab_size, shape)
    ids[ids == encoder.pad_token_id] = (encoder.pad_token_id + 1) % encoder.vocab_size
    mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(np.int64)
    inputs = {"input_ids": np.where(mask == 1, ids, encoder.pad_token_id), "attention_mask": mask}
    if encoder.takes_token_types:
        types = generator.integers(0, encoder.type_vocab_size, shape) if token_types else np.zeros(shape)
        inputs[TOKEN_TYPE_IDS] = types.astype(np.int64)
    return Case(name, inputs, token_types)


def _batch_of(case: Case) -> Batch:
    """What torch reads: without token types, where it is to take zeros by itself."""
    types = case.inputs.get(TOKEN_TYPE_IDS) if case.with_token_types else None
    return Batch(case.inputs["input_ids"], case.inputs["attention_mask"], types)
