"""Our graphs beside those that other exporters make of the same whole BERT-base, each timed against the best.

    python -m bench.peers --work DIR --batch 1 --seq 384 --json peers.json

Needs the extra `optimum` (an environment of its own: it holds transformers back). The peers are optimum's
exported graph after its O2 optimization, and torch.onnx.export's traced graph as it stands; ours are the
whole model and the paper's operating point in both dialects. All are run by onnxruntime on the CPU.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.environment import available_cores, environment
from bench.measure import measure
from bench.spec import BERT_BASE, BERT_BASE_SHAPE, PAPER_SHAPE, Effort, Engine, Workload
from bench.stats import speedup
from prune.cost import multiply_adds
from prune.errors import InputError
from prune.qa.json_file import write_json
from prune.shape import ModelShape

BASELINE = "optimum O2, whole"


def peers(
    work: Annotated[Path, typer.Option(help="Where the graphs are kept from one run to the next.")],
    batch: Annotated[int, typer.Option(help="Sequences per call.")] = 1,
    seq: Annotated[int, typer.Option(help="Tokens per sequence.")] = 384,
    launches: Annotated[int, typer.Option(help="Times that a pair is started afresh.")] = 3,
    rounds: Annotated[int, typer.Option(help="Most rounds per launch.")] = 10,
    seconds: Annotated[float, typer.Option(help="Time to aim at per pair.")] = 90.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Everything, raw samples included.")
    ] = None,
) -> None:
    """Time each graph against optimum's O2 graph of the unpruned model, pair by pair."""
    work.mkdir(parents=True, exist_ok=True)
    graphs = _graphs(work)
    baseline = _engine(graphs[BASELINE])
    workload = Workload(batch, seq)
    table = Table(title=f"BERT-base, random weights, batch {batch}, seq {seq}, {available_cores()} threads")
    for heading in ("graph", "times as fast as " + BASELINE, "95 % interval", "multiply-adds, times fewer"):
        table.add_column(heading)
    whole = multiply_adds(BERT_BASE, BERT_BASE_SHAPE, batch=batch, seq=seq)
    found: dict[str, Any] = {}
    for name, graph in graphs.items():
        if name == BASELINE:
            continue
        effort = Effort(launches=launches, rounds=rounds, seconds=seconds)
        (samples,) = measure(_engine(graph), baseline, [workload], effort)
        paired = speedup([[turn.ratio for turn in launch] for launch in samples])
        fewer = whole / multiply_adds(BERT_BASE, graph[1], batch=batch, seq=seq)
        table.add_row(
            name, f"{paired.estimate:.2f}", f"{paired.low:.2f} to {paired.high:.2f}", f"{fewer:.2f}"
        )
        found[name] = {
            "speedup": paired.to_dict(),
            "multiply_add_ratio": fewer,
            "launches": [[turn.to_dict() for turn in launch] for launch in samples],
        }
    Console().print(table)
    if json_file:
        place = environment(gpu=False).to_dict()
        write_json(
            json_file,
            {"format": 1, "environment": place, "batch": batch, "seq": seq, "graphs": found},
            indent=2,
        )


def _engine(graph: tuple[Path, ModelShape]) -> Engine:
    path, shape = graph
    return Engine("onnxruntime", "cpu", available_cores(), BERT_BASE, shape, path)


def _graphs(work: Path) -> dict[str, tuple[Path, ModelShape]]:
    """Name → (file, shape); made where they are not there yet."""
    peers = {BASELINE: work / "o2" / "model_optimized.onnx", "traced, whole": work / "traced.onnx"}
    if not all(path.is_file() for path in peers.values()):
        _write_peers(work)
    graphs = {name: (path, BERT_BASE_SHAPE) for name, path in peers.items()}
    for dialect in ("onnxruntime", "portable"):
        for kind, shape in (("whole", BERT_BASE_SHAPE), ("paper's shape", PAPER_SHAPE)):
            path = work / f"{dialect}-{'whole' if shape is BERT_BASE_SHAPE else 'paper'}.onnx"
            if not path.is_file():
                _write_ours(path, shape, dialect)
            graphs[f"ours, {dialect}, {kind}"] = (path, shape)
    return graphs


def _write_ours(path: Path, shape: ModelShape, dialect: str) -> None:
    from export.graph import build_graph, random_weights
    from export.write import write_onnx

    write_onnx(build_graph(BERT_BASE, shape, random_weights(BERT_BASE, shape), dialect=dialect), path)


def _write_peers(work: Path) -> None:
    """The whole model as optimum's O2 graph, and as the traced graph."""
    import torch
    from optimum.onnxruntime import AutoOptimizationConfig, ORTModelForQuestionAnswering, ORTOptimizer

    from export.graph import OUTPUTS, input_names
    from prune.checkpoint import random_model, save

    model = random_model(BERT_BASE, BERT_BASE_SHAPE)
    save(model, None, work / "model")
    exported = ORTModelForQuestionAnswering.from_pretrained(work / "model", export=True)
    ORTOptimizer.from_pretrained(exported).optimize(
        save_dir=work / "o2", optimization_config=AutoOptimizationConfig.O2()
    )
    names = input_names(BERT_BASE)
    example = torch.ones(2, 16, dtype=torch.long)
    model.config.return_dict = False
    torch.onnx.export(
        model,
        kwargs=dict.fromkeys(names, example),
        f=work / "traced.onnx",
        input_names=list(names),
        output_names=list(OUTPUTS),
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in (*names, *OUTPUTS)},
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    try:
        typer.run(peers)
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
