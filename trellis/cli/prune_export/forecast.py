"""What a run of prune-export would do, without doing it: sizes, multiply-adds, time."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from prune.cost import multiply_adds, parameters
from prune.cost.passes import Passes
from prune.demo import TrainingPlan
from prune.families.encoder import Encoder
from prune.pruning import Pruning
from prune.shape import LayerShape, ModelShape
from trellis.cli.prune_export.estimate import left_out, time_range
from trellis.cli.prune_export.pipeline import check_before, prepared
from trellis.cli.prune_export.report import SEQ, layer_table
from trellis.cli.prune_export.request import Request
from trellis.cli.prune_export.speed import Rate, measured_rate
from trellis.cli.prune_export.workload import workload


def forecast(request: Request, console: Console) -> None:
    """Print what `request` would do. Reads the model and the data sets; writes and trains nothing."""
    check_before(request)
    if request.is_demo:
        plan = TrainingPlan()
        steps = -(-plan.questions // plan.batch_size)
        console.print(
            f"The demo would be trained for {steps} steps of {plan.batch_size} windows, then cut and measured.",
            highlight=False,
            soft_wrap=True,
        )
        return
    pruning = prepared(request)  # what is refused here would be refused then
    for line in _lines(request, pruning):
        if isinstance(line, Table):
            console.print(line)
        else:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(request: Request, pruning: Pruning) -> Iterator[str | Table]:
    source = pruning.subject.source
    whole = source.original_shape
    yield f"{source.name}: {source.encoder.model_type}, {len(whole.layers)} layers, licence {source.licence()}."
    outlook = pruning.extent.outlook(pruning.method, pruning.job)
    after = outlook.known
    yield layer_table(source.name, after, whole) if after and outlook.by_layer else outlook.in_words
    if after:
        yield from _sizes(request, source.encoder, after, whole)
    if epochs := request.training.epochs:
        how = "distilled" if request.training.distill else "retrained"
        yield f"Then {how}, {epochs:g} times over the training data."
    work = workload(pruning, request.output)
    yield f"To compute: {'; '.join(map(_in_words, work))}."
    yield f"{_time(work, measured_rate(pruning.subject))}{left_out(pruning, request.output)}."


def _sizes(request: Request, encoder: Encoder, after: ModelShape, whole: ModelShape) -> Iterator[str]:
    yield (
        f"Heads {whole.num_heads} → {after.num_heads}, feed-forward activations {whole.intermediate_size} → "
        f"{after.intermediate_size}."
    )
    before_cost, after_cost = (multiply_adds(encoder, shape, batch=1, seq=SEQ) for shape in (whole, after))
    size = _bytes(request, encoder, after) / 2**20
    yield (
        f"Multiply-adds at {SEQ} tokens: {before_cost / 1e9:.2f} → {after_cost / 1e9:.2f} G, "
        f"{before_cost / after_cost:.2f} times fewer; {request.out} about {size:.0f} MiB."
    )


def _in_words(work: Passes) -> str:
    (few, many), (few_back, many_back) = work.forward, work.backward
    counts = [
        f"{few} windows" if few == many else f"{few} to {many} windows",
        f"{few_back} forward and back"
        if few_back == many_back
        else f"{few_back} to {many_back} forward and back",
    ]
    return f"{work.what} ({', '.join(count for count in counts if not count.startswith('0 '))})"


def _time(work: list[Passes], rate: Rate) -> str:
    busy = rate.load is not None and rate.load > rate.cores / 2
    others = (
        f" (the load on {rate.cores} cores is {rate.load:.1f} now, so that it takes longer)" if busy else ""
    )
    speed = f"{rate.median / 1e9:.3g} G multiply-adds a second"
    return f"Time: {time_range(work, rate)} where nothing else is at work{others}, at {speed}"


def _bytes(request: Request, encoder: Encoder, shape: ModelShape) -> int:
    """Of the weights in the file; int8 leaves the embeddings in fp32."""
    everything = parameters(encoder, shape)
    outside = parameters(encoder, ModelShape(tuple(LayerShape(0, 0) for _ in shape.layers)))
    sizes = {
        "fp32": 4 * everything,
        "fp16": 2 * everything,
        "int8": 4 * outside + everything - outside,
    }
    return sizes[request.output.precision]
