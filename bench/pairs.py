"""Which models are held against each other: candidates, each with what it is compared with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.accuracy import check_accuracy
from bench.measure.inputs import check_length
from bench.models import Model, Opener
from bench.options import Engines
from bench.workload import BERT_BASE, Role
from export.runtimes.engine_spec import Device
from prune.families.encoder import Encoder

Models = dict[Role, Model]


@dataclass(frozen=True)
class Wanted:
    """The models that are named, and what they must be fit for."""

    models: Sequence[str]
    """Candidates; none: the paper's operating point."""
    baseline: str | None
    """None: each candidate's unpruned twin."""
    seqs: Sequence[int]
    """Tokens that a sequence will have."""
    accuracy: bool
    """Whether they will be asked questions."""


def pairs(
    wanted: Wanted, engines: Engines, device: Device, scratch: Path, tell: Callable[[str], None]
) -> Iterator[Models]:
    """Candidates with their baselines, for every runtime, number of threads and precision of `engines`.

    Graphs built on the way go into `scratch`, and `tell` is called with what is being done. Raises InputError where a
    model is none that can be measured, or not fit for what is wanted of it.
    """
    for runtime in engines.runtime:
        for threads in engines.threads:
            for precision in engines.precision:
                yield from _pairs_of(
                    wanted,
                    Opener(
                        runtime,
                        device,
                        threads,
                        scratch,
                        engines.clients,
                        engines.timing,
                        precision,
                        tell,
                    ),
                )


def _pairs_of(wanted: Wanted, opener: Opener) -> Iterator[Models]:
    if not wanted.models:
        _check_lengths(BERT_BASE, wanted)
        candidate, baseline = opener.paper_pair()
        yield {"baseline": baseline, "candidate": candidate}
        if opener.precision != "fp32":
            in_fp32 = replace(opener, precision="fp32").bert_base()
            yield {"baseline": replace(in_fp32, name=f"{in_fp32.name}, fp32"), "candidate": candidate}
        return
    candidates = [opener.open(name) for name in wanted.models]
    dialects = dict.fromkeys(map(_dialect, candidates)) if wanted.baseline else {}
    baselines = {dialect: opener.open(str(wanted.baseline), dialect=dialect) for dialect in dialects}
    for model in (*candidates, *baselines.values()):
        _check_lengths(model.engine.encoder, wanted)
        if wanted.accuracy:
            check_accuracy(model)
    for candidate in candidates:
        for baseline in [baselines[_dialect(candidate)]] if baselines else _twins(candidate, opener):
            yield {"baseline": baseline, "candidate": candidate}


def _twins(candidate: Model, opener: Opener) -> list[Model]:
    """The unpruned twin in the same precision and, where that is not fp32, the one in fp32 as well."""
    twins = [opener.unpruned_twin(candidate)]
    return twins if candidate.precision == "fp32" else [*twins, opener.unpruned_twin(candidate, in_fp32=True)]


def _dialect(candidate: Model) -> str | None:
    """What a baseline from a directory, which is in fp32, is written in: as its rival, or what is best there."""
    return candidate.dialect if candidate.precision == "fp32" else None


def _check_lengths(encoder: Encoder, wanted: Wanted) -> None:
    for seq in wanted.seqs:
        check_length(encoder, seq)
