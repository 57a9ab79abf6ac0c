"""What a run of prune-export found, as a table for eyes."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.metadata import Metadata
from export.parity import Parity
from export.provenance import INT8, KEPT_IN_FP32
from export.quantize_and_evaluate import Served
from export.runtimes.tensorrt.build import BuiltEngine
from export.runtimes.tensorrt.library import KINDS
from prune.cost import multiply_adds, parameters
from prune.search.agreement import Agreement
from prune.search.by_agreement import Search
from prune.shape import ModelShape
from prune.tasks.question_answering.figures import Comparison, Figure
from trellis.cli.prune_export.pipeline import Outcome

NOT_MEASURED = "How well the model answers was NOT measured: give --dev FILE."
AGREEMENT_ONLY = (
    "Agreement with the original on {questions}; accuracy on your data was NOT measured: give --dev FILE."
)
SEQ = 384
"""Tokens at which multiply-adds are stated; attention's share grows with length."""


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print what voids the result, the layers, what they cost, how the model answers, and where the file is."""
    pruned, exported = outcome.pruned, outcome.exported
    metadata = exported.artifact.metadata
    for warning in outcome.warnings():
        console.print(f"WARNING: {warning}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    console.print(layer_table(metadata.model_name, metadata.shape, metadata.original_shape))
    heads, intermediate = metadata.shape.removed_from(metadata.original_shape)
    before, after = (
        multiply_adds(metadata.encoder, shape, batch=1, seq=SEQ)
        for shape in (metadata.original_shape, metadata.shape)
    )
    weights = [parameters(metadata.encoder, shape) for shape in (metadata.original_shape, metadata.shape)]
    how, searched = pruned.choice.how, pruned.choice.search
    lines = [
        f"{how[0].upper()}{how[1:]}.",
        f"Removed {heads:.1%} of heads and {intermediate:.1%} of feed-forward activations.",
        f"Multiply-adds at {SEQ} tokens: {before / 1e9:.2f} → {after / 1e9:.2f} G, {before / after:.2f}× fewer; "
        f"parameters: {weights[0] / 1e6:.1f} → {weights[1] / 1e6:.1f} M.",
    ]
    if searched and searched.agreement:
        lines.append(_agreement(searched))
    if pruned.data.skipped:
        lines.append(f"Of --train {pruned.data.skipped}")
    if pruned.training:
        lines.append(_training(pruned.training))
    lines += _accuracy(pruned.accuracy) if pruned.accuracy else []
    if metadata.precision != "fp32":
        lines += _precision(metadata, exported.served)
    if not pruned.accuracy:
        questions = (
            "the questions of --calibration"
            if pruned.data.calibration is not None
            else "built-in English questions"
        )
        lines.append(AGREEMENT_ONLY.format(questions=questions) if searched else NOT_MEASURED)
    parity = exported.artifact.parity
    lines += [
        f"Parity with PyTorch on {len(parity.cases)} inputs{_where(metadata, parity)}: largest difference "
        f"{parity.max_absolute:.1e} (relative {parity.max_relative:.1e}, allowed {parity.tolerance:.0e}).",
        f"{exported.artifact.path}: {exported.artifact.bytes / 2**20:.1f} MiB, in {outcome.seconds:.1f} s.",
    ]
    if exported.engine:
        lines += _engine(exported.engine)
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
        lines += [f"What {metadata.precision} changes{where}:", *_accuracy(served.accuracy)]
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


def _accuracy(comparison: Comparison) -> list[str]:
    """As served first, then what the same answers are worth at other thresholds."""
    how = (
        "fitted on all of them, and judged on other articles than it was fitted on"
        if comparison.fitted
        else "as it came: they have nothing to learn refusing from"
    )
    lines = [f"As served, threshold {_threshold(comparison)} {how}:"]
    lines += [_figure(figure) for figure in comparison.figures if figure.way == "as served"]
    lines.append(
        f"Refusing every question scores {comparison.floor.f1:.1f} of F1. The same answers otherwise:"
    )
    return lines + [_figure(figure) for figure in comparison.figures if figure.way != "as served"]


def _threshold(comparison: Comparison) -> str:
    return f"{comparison.after.null_threshold:.2f}"


def _figure(figure: Figure) -> str:
    change = figure.change
    return (
        f"  {figure.name}: {figure.before:.1f} → {figure.after:.1f} ({change.mean_difference:+.1f}, 95 % interval "
        f"{change.low:+.1f} to {change.high:+.1f}), {figure.questions} questions."
    )
