"""What a run of prune-export found, as a table for eyes."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.engine.build import BuiltEngine
from export.engine.library import KINDS
from export.metadata import Metadata
from export.parity import Parity
from export.pipeline import Outcome
from export.provenance import INT8, KEPT_IN_FP32
from export.served import Served
from prune.agreement import Agreement
from prune.cost import multiply_adds, parameters
from prune.qa.compare import Comparison
from prune.qa.nq.compare import NqComparison
from prune.qa.significance import Interval, warning
from prune.search import Search
from prune.shape import ModelShape

NOT_MEASURED = (
    "Agreement with the original on {questions}; accuracy on your data was NOT measured: give --dev FILE."
)
SEQ = 384
"""Tokens at which multiply-adds are stated; attention's share grows with length."""


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print the layers, what they cost, what was found out about answers, and where the file is."""
    metadata = outcome.artifact.metadata
    console.print(layer_table(metadata.model_name, metadata.shape, metadata.original_shape))
    heads, intermediate = metadata.shape.removed_from(metadata.original_shape)
    before, after = (
        multiply_adds(metadata.encoder, shape, batch=1, seq=SEQ)
        for shape in (metadata.original_shape, metadata.shape)
    )
    weights = [parameters(metadata.encoder, shape) for shape in (metadata.original_shape, metadata.shape)]
    how, searched = outcome.choice.how, outcome.choice.search
    lines = [
        f"{how[0].upper()}{how[1:]}.",
        f"Removed {heads:.1%} of heads and {intermediate:.1%} of feed-forward activations.",
        f"Multiply-adds at {SEQ} tokens: {before / 1e9:.2f} → {after / 1e9:.2f} G, {before / after:.2f}× fewer; "
        f"parameters: {weights[0] / 1e6:.1f} → {weights[1] / 1e6:.1f} M.",
    ]
    if searched and searched.agreement:
        lines.append(_agreement(searched))
    if outcome.skipped:
        lines.append(f"Of --train {outcome.skipped}")
    if outcome.training:
        lines.append(_training(outcome.training))
    lines += _accuracy(outcome.accuracy) if outcome.accuracy else []
    if metadata.precision != "fp32":
        lines += _precision(metadata, outcome.served)
    if searched and not outcome.accuracy:
        questions = (
            "the questions of --calibration" if outcome.own_questions else "built-in English questions"
        )
        lines.append(NOT_MEASURED.format(questions=questions))
    parity = outcome.artifact.parity
    lines += [
        f"Parity with PyTorch on {len(parity.cases)} inputs{_where(metadata, parity)}: largest difference "
        f"{parity.max_absolute:.1e} (relative {parity.max_relative:.1e}, allowed {parity.tolerance:.0e}).",
        f"{outcome.artifact.path}: {outcome.artifact.bytes / 2**20:.1f} MiB, in {outcome.seconds:.1f} s.",
    ]
    if outcome.engine:
        lines += _engine(outcome.engine)
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def layer_table(name: str, shape: ModelShape, original: ModelShape) -> Table:
    """Heads and feed-forward activations of each layer, now and before any cut."""
    table = Table(title=Text(name))  # it is the user's, and no markup
    for heading in ("layer", "heads", "feed-forward"):
        table.add_column(heading, justify="right")
    for index, (now, whole) in enumerate(zip(shape.layers, original.layers, strict=True)):
        table.add_row(
            str(index),
            f"{now.num_heads} of {whole.num_heads}",
            f"{now.intermediate_size} of {whole.intermediate_size}",
        )
    return table


def _engine(engine: BuiltEngine) -> list[str]:
    described = engine.description
    products = ", ".join(f"{count} of {dtype}" for dtype, count in described.products_by_dtype.items())
    return [
        f"{engine.path}: {described.bytes / 2**20:.1f} MiB, built by {KINDS[described.library].title} "
        f"{described.library_version} in {engine.seconds:.1f} s; profiles {', '.join(map(str, engine.profiles))}; "
        f"matrix products: {products or 'none'}.",
        *engine.notes,
    ]


def _where(metadata: Metadata, parity: Parity) -> str:
    """What the parity of a graph for GPUs was judged on; nothing for others."""
    if metadata.precision != "fp16":
        return ""
    return (
        ", on the CPU and a GPU"
        if "GPU" in parity.devices
        else ", on the CPU, as onnxruntime has no GPU here"
    )


def _precision(metadata: Metadata, served: Served) -> list[str]:
    kept = metadata.provenance[KEPT_IN_FP32]
    names = ", ".join(kept[:3]) + (", ..." if len(kept) > 3 else "")
    if metadata.precision == "int8":
        how = metadata.provenance[INT8]
        which = f"all parts but {len(kept)}, which it hurt most ({names})" if kept else "all parts"
        found = f"of {how['windows']} windows" if "windows" in how else "found for each input"
        lines = [f"In int8 are the weights and products of {which}; ranges: {how['ranges']}, {found}."]
    else:
        what, rest = "products", "sums, norms and softmax are in fp32"
        if metadata.dialect != "portable":
            what, rest = "products, residuals and norms", "norms and softmax are computed in fp32"
        which = f"all {what} but {len(kept)}, which some input could overflow ({names})"
        which = which if kept else f"all {what}: no input can overflow them"
        lines = [f"In {metadata.precision} are {which}; {rest}."]
    where = {"GPU": " on a GPU", "CPU": " on the CPU"}[served.device] if metadata.precision == "fp16" else ""
    if served.accuracy:
        lines += [f"What {metadata.precision} changes{where}: {line}" for line in _accuracy(served.accuracy)]
    if served.agreement:
        lines.append(
            f"Agreement of {metadata.precision}{where} with fp32 on built-in English questions: mean token F1 "
            f"{_kept(served.agreement)}; its accuracy on your data was NOT measured: give --dev FILE."
        )
    return lines


def _kept(agreement: Agreement) -> str:
    return f"{agreement.mean:.1f} ({agreement.low:.1f} to {agreement.high:.1f})"


def _training(training: dict[str, Any]) -> str:
    return (
        f"Trained for {training['steps']} steps in {training['seconds'] / 60:.1f} min; kept the weights of step "
        f"{training['best_step']}."
    )


def _agreement(search: Search) -> str:
    kept = search.agreement
    assert kept is not None
    return (
        f"Agreement with the original's answers: mean token F1 {_kept(kept)} on the {kept.questions} questions "
        "that the cut was chosen by."
    )


def _accuracy(comparison: Comparison | NqComparison) -> list[str]:
    if isinstance(comparison, NqComparison):
        return _nq_accuracy(comparison)
    before, after = comparison.before, comparison.after
    lines = list(filter(None, [warning(after.score.total)]))
    lines += [
        f"F1 on {after.score.total} questions of --dev, null threshold set on them: {before.score.f1:.1f} → "
        f"{after.score.f1:.1f} ({_change(comparison.f1_change)}); exact match {before.score.exact:.1f} → "
        f"{after.score.exact:.1f}."
    ]
    if comparison.has_answer_f1_change:
        lines.append(
            f"F1 on the {after.score.has_answer_total} of them that have an answer, none refused: "
            f"{before.has_answer_f1:.1f} → {after.has_answer_f1:.1f} ({_change(comparison.has_answer_f1_change)})."
        )
    return lines


def _nq_accuracy(comparison: NqComparison) -> list[str]:
    before, after = comparison.before, comparison.after
    lines = list(filter(None, [warning(after.total)]))
    return lines + [
        f"{kind} answers on {after.total} questions of --dev: F1 {first.score.f1:.1f} → {second.score.f1:.1f} "
        f"({_change(change)}), now with precision {second.score.precision:.1f} and recall {second.score.recall:.1f}, "
        "each at its best threshold."
        for kind, first, second, change in (
            ("Long", before.long, after.long, comparison.long_f1_change),
            ("Short", before.short, after.short, comparison.short_f1_change),
        )
    ]


def _change(interval: Interval) -> str:
    return f"{interval.mean_difference:+.1f}, 95 % interval {interval.low:+.1f} to {interval.high:+.1f}"
