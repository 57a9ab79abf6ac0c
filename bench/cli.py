"""The command `bench`: reads what was asked, has it measured, prints, and answers with an exit code."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import run as runs
from bench.engine_process import WorkerDiedError
from bench.environment import available_cores
from bench.report import print_report
from bench.request import Request, parse_numbers
from bench.result import Result
from bench.spec import Device, Effort, Runtime, Workload
from prune.command import end_cleanly_when_told_to
from prune.errors import InputError
from prune.qa.json_file import write_json
from prune.staging import check_writable

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

_HELP = """
Measure how much faster a pruned question-answering model is than the unpruned one.

MODEL is an .onnx file that prune-export wrote, or a model directory. It is compared with --baseline or,
without that, with its unpruned twin: the file's metadata holds the shape, and latency does not depend on the
weights, so random ones serve. Without MODEL, BERT-base at the operating point of McCarley et al. (53 % of
heads, 65 % of activations removed) is compared with the whole BERT-base.

Each engine runs in a process of its own. The two take turns, the idle one stopped, and the speed-up is the
ratio of neighbouring turns, over several launches, with its 95 % interval. The numbers of launches and rounds
are fixed before the first sample: at the defaults, an operating point takes one to three minutes.
"""
_HELP = "\n\n".join(paragraph.replace("\n", " ") for paragraph in _HELP.strip().split("\n\n"))

_EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/bold]",
        *(
            f"  [dim]# {what}[/dim]\n\n  bench {arguments}"
            for what, arguments in (
                ("the paper's operating point", "--batch 16 --seq 384"),
                (
                    "a file against its unpruned twin, at four operating points",
                    "out.onnx --batch 1,16 --seq 128,384",
                ),
                ("speed and F1 of both", "out.onnx --baseline model_dir --dev dev-v2.0.json"),
                ("in CI: exit 1 where slower than wanted", "out.onnx --min-speedup 1.8"),
                ("everything, raw samples included", "out.onnx --json result.json"),
                ("a model directory, in PyTorch", "model_dir --runtime torch"),
                ("what is wrong with this installation", "--doctor"),
            )
        ),
        "[bold]Exit codes[/bold]",
        "0 measured and every limit met; 1 a limit missed, or a fault found by --doctor; "
        "2 the request cannot be served as given; 3 an engine's process ended by itself; 130 interrupted.",
    )
)


@app.command(help=_HELP, epilog=_EXAMPLES, no_args_is_help=False)
def bench(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL ...]", help=".onnx files or model directories.")
    ] = None,
    batch: Annotated[str, typer.Option(help="Sequences per call; a list sweeps: 1,16.")] = "1",
    seq: Annotated[str, typer.Option(help="Tokens per sequence; a list sweeps: 128,384.")] = "384",
    baseline: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Compare with this model, not with the unpruned twin.")
    ] = None,
    runtime: Annotated[Runtime, typer.Option(help="What runs the models.")] = "onnxruntime",
    device: Annotated[
        Device,
        typer.Option(
            help="cuda and tensorrt are onnxruntime's providers; torch knows cpu and cuda; openvino cpu."
        ),
    ] = "cpu",
    threads: Annotated[
        int | None, typer.Option(help="Threads of each engine.", show_default="all physical cores")
    ] = None,
    dev: Annotated[
        str | None, typer.Option(metavar="FILE", help="SQuAD JSON: measure EM and F1 as well.")
    ] = None,
    min_speedup: Annotated[
        float | None, typer.Option(help="Exit 1 where a speed-up (the estimate) is lower, at any point.")
    ] = None,
    max_f1_loss: Annotated[
        float | None, typer.Option(help="Exit 1 where more points of F1 are lost; needs --dev, --baseline.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - is stdout.")
    ] = None,
    launches: Annotated[int, typer.Option(help="Times that both engines are started afresh.")] = 5,
    rounds: Annotated[int, typer.Option(help="Most rounds per launch, one pair of turns each.")] = 7,
    seconds: Annotated[
        float,
        typer.Option(help="Time to aim at per operating point; slow calls get fewer rounds, 3 at least."),
    ] = 150.0,
    doctor: Annotated[
        bool, typer.Option("--doctor", help="Say what is wrong with this installation; measure nothing.")
    ] = False,
) -> None:
    end_cleanly_when_told_to()
    errors = Console(stderr=True)
    if doctor:
        raise typer.Exit(_doctor())
    try:
        _check_destination(json_file)
        request = Request(
            models=tuple(models or ()),
            baseline=baseline,
            workloads=tuple(
                Workload(size, length)
                for size in parse_numbers("--batch", batch)
                for length in parse_numbers("--seq", seq)
            ),
            runtime=runtime,
            device=device,
            threads=available_cores() if threads is None else threads,
            effort=Effort(launches, rounds, seconds),
            dev=dev,
            min_speedup=min_speedup,
            max_f1_loss=max_f1_loss,
        )
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch, _progress(errors) as progress:
            result = runs.run(request, Path(scratch), progress)
        _hand_over(result, json_file)
        code = 0 if all(gate.met for gate in result.gates) else 1
    except InputError as error:
        code = _say(errors, str(error), 2)
    except WorkerDiedError as error:
        code = _say(errors, str(error), 3)
    except BrokenPipeError:  # the reader of stdout has gone; typer ends quietly then
        raise
    except OSError as error:
        code = _say(errors, f"the system refused what was needed: {error}; nothing was kept.", 2)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        code = _say(errors, f"not enough memory{what}; close other programs, or give a smaller model.", 2)
    except KeyboardInterrupt:
        code = _say(errors, "interrupted; nothing was kept.", 130)
    raise typer.Exit(code)


def _doctor() -> int:
    """One line for each fault; exit code 1 where there is any."""
    from bench.doctor import findings, this_installation

    faults = list(findings(this_installation()))
    for fault in faults or ["Nothing is wrong with this installation."]:
        print(fault)
    return 1 if faults else 0


def main() -> None:
    """Entry point of the command."""
    app(prog_name="bench")


def _say(errors: Console, sentence: str, code: int) -> int:
    errors.print(f"bench: {sentence}", markup=False, highlight=False, soft_wrap=True)
    return code


def _check_destination(json_file: str | None) -> None:
    """Raise InputError now, not after minutes of measuring, where the JSON could not be written."""
    if json_file is not None and json_file != "-":
        check_writable(Path(json_file))


def _hand_over(result: Result, json_file: str | None) -> None:
    """Table on stdout, JSON where it was asked for; where that is stdout, the table goes to stderr."""
    print_report(result, Console(stderr=json_file == "-"))
    if json_file == "-":
        print(json.dumps(result.to_dict(), allow_nan=False))
    elif json_file is not None:
        write_json(Path(json_file), result.to_dict())


@contextmanager
def _progress(errors: Console) -> Iterator[runs.Progress]:
    """A progress bar on stderr, gone when it is done; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
