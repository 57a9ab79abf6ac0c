"""The command `bench`: reads what was asked, has it measured, prints, and answers with an exit code."""

import shlex
import sys
from typing import Annotated, cast, get_args

import typer

from bench.measure.engine_process import WorkerDiedError
from bench.models import own_runtime
from bench.named import file_of
from bench.result.notes import oversubscribed
from bench.workload import AIM, Device, Effort, Runtime, Tested, Timing, Workload
from export.outputs import parts_of
from export.target import GraphPrecision
from prune.tasks.question_answering.task import TaskName
from trellis.cli.bench import pipeline as runs
from trellis.cli.bench.compare_command import NAME as COMPARE
from trellis.cli.bench.compare_command import app as compare_app
from trellis.cli.bench.csv_table import csv_text
from trellis.cli.bench.json_form import result_json
from trellis.cli.bench.markdown import markdown_text
from trellis.cli.bench.outputs import Outputs
from trellis.cli.bench.page import result_page
from trellis.cli.bench.report import print_report
from trellis.cli.bench.request import Request, parse_numbers, parse_words
from trellis.cli.doctor import findings, sentences, this_installation
from trellis.command import UNREAD, end_cleanly_when_told_to
from trellis.command import run as run_command
from trellis.cores import available_cores
from trellis.errors import InputError
from trellis.files.places import data_files
from trellis.files.scratch import scratch
from trellis.progress import shown
from trellis.share import parse_share
from trellis.terminal import Terminal, say

RUNTIMES = get_args(Runtime)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

_NAME = "bench"

_HELP = """
Measure how much faster a pruned question-answering model is than the unpruned one.

MODEL is an .onnx file that prune-export wrote, its folder, or a model directory. It is compared with --baseline or,
without that, with its unpruned twin: the file's metadata holds the shape, and latency does not depend on the
weights, so random ones serve. Without MODEL, BERT-base at the operating point of McCarley et al. (53 % of
heads, 65 % of activations removed) is compared with the whole BERT-base.

Each engine runs in a process of its own. The two take turns, A B B A, the idle one stopped, and the speed-up is
the ratio of neighbouring turns, over several launches, with its 95 % interval. After five launches it is decided
how many more the interval needs to be as narrow as --precision-goal, as far as the time goes (--max-time).

bench compare OLD.json NEW.json says what changed between two results.
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
                ("a sweep", "--precision fp32,int8 --runtime onnxruntime,openvino --threads 1,2"),
                ("questions of unequal lengths, four clients", "out.onnx --lengths dev.json --clients 4"),
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
        list[str] | None,
        typer.Argument(metavar="[MODEL ...]", help=".onnx files, their folders, or model directories."),
    ] = None,
    batch: Annotated[str, typer.Option(help="Sequences per call; a list sweeps: 1,16.")] = "1",
    seq: Annotated[str, typer.Option(help="Tokens per sequence; a list sweeps: 128,384.")] = "384",
    baseline: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Compare with this model, not with the unpruned twin.")
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Serve 32 questions of this SQuAD JSON, of the lengths that they have, up to --batch in a call: "
            "padded to the longest of all, padded by batch, sorted by length.",
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help=f"What runs the models: {', '.join(RUNTIMES)}; a list sweeps.",
            show_default="what MODEL was made for, else onnxruntime",
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="Without MODEL: of the graphs that bench builds; fp32, fp16 or int8, a list sweeps."
        ),
    ] = "fp32",
    device: Annotated[
        Device | None,
        typer.Option(
            help="cuda and tensorrt are onnxruntime's providers; torch knows cpu and cuda; openvino cpu.",
            show_default="cpu, for engines cuda",
        ),
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(help="Threads of each engine; a list sweeps.", show_default="all physical cores"),
    ] = None,
    clients: Annotated[int, typer.Option(help="How many call an engine at the same time.")] = 1,
    timing: Annotated[
        Timing,
        typer.Option(
            help="On a GPU: call times whole calls, with the copies there and back; device what the GPU does, by its "
            "own clock, inputs and logits in its memory; cuda-graph that, replayed as a CUDA graph."
        ),
    ] = "call",
    dev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="SQuAD JSON, or see --task: measure F1 as well. May be given several times.",
        ),
    ] = None,
    task: Annotated[
        TaskName, typer.Option(help="What --dev is: squad, or nq (Natural Questions).")
    ] = "squad",
    min_speedup: Annotated[
        float | None, typer.Option(help="Exit 1 where a speed-up is lower, at any point; see --test.")
    ] = None,
    max_f1_loss: Annotated[
        float | None,
        typer.Option(help="Exit 1 where more points of F1 as served are lost; needs --dev, --baseline."),
    ] = None,
    max_has_answer_f1_loss: Annotated[
        float | None, typer.Option(help="The same over the questions that have an answer.")
    ] = None,
    test: Annotated[
        Tested,
        typer.Option(help="Hold limits against the estimate, or the end of its 95 % interval that is worse."),
    ] = "estimate",
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - is stdout.")
    ] = None,
    markdown_file: Annotated[
        str | None,
        typer.Option("--markdown", metavar="FILE", help="Tables for a pull request's comment; - is stdout."),
    ] = None,
    csv_file: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="A row per operating point and model; - is stdout."),
    ] = None,
    html_file: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="A page with charts, in one file; - is stdout."),
    ] = None,
    precision_goal: Annotated[
        str, typer.Option(metavar="SHARE", help="How far the speed-up's interval may reach to either side.")
    ] = "2%",
    max_time: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Limit for each operating point: what does not fit is made with fewer launches, blocks and questions "
            "of --lengths, or refused.",
            show_default="no limit; 150 are aimed at",
        ),
    ] = None,
    launches: Annotated[int, typer.Option(help="Starts of both engines before the rest is planned.")] = 5,
    blocks: Annotated[int, typer.Option(help="Most blocks per launch, two turns of each engine.")] = 6,
    doctor: Annotated[
        bool, typer.Option("--doctor", help="Say what is wrong with this installation; measure nothing.")
    ] = False,
) -> None:
    end_cleanly_when_told_to()
    errors = Terminal(stderr=True)
    if doctor:
        raise typer.Exit(_doctor())
    runtimes: tuple[Runtime, ...] = ()
    try:
        outputs = Outputs.of(
            ("--json", json_file, result_json),
            ("--markdown", markdown_file, markdown_text),
            ("--csv", csv_file, csv_text),
            ("--html", html_file, result_page),
        )
        if runtime:
            runtimes = cast(tuple[Runtime, ...], parse_words("--runtime", runtime, RUNTIMES))
        models = [file_of(name, runtimes) for name in models or ()]
        baseline = file_of(baseline, runtimes) if baseline else None
        named = [*models, *([baseline] if baseline else ())]
        outputs.spare(part for name in named for part in parts_of(name))
        outputs.spare(file for data in (*(dev or ()), lengths) if data for file in data_files(data))
        runtimes = runtimes or (own_runtime(named, device),)
        request = Request(
            models=tuple(models),
            baseline=baseline,
            workloads=tuple(
                Workload(size, length)
                for size in parse_numbers("--batch", batch)
                for length in parse_numbers("--seq", seq)
            ),
            lengths=lengths,
            runtimes=runtimes,
            device=device or ("cuda" if runtimes == ("tensorrt",) else "cpu"),
            threads=(available_cores(),) if threads is None else parse_numbers("--threads", threads),
            precisions=cast(
                tuple[GraphPrecision, ...], parse_words("--precision", precision, get_args(GraphPrecision))
            ),
            clients=clients,
            timing=timing,
            effort=Effort(
                launches,
                blocks,
                parse_share("--precision-goal", precision_goal),
                AIM if max_time is None else max_time,
                firm=max_time is not None,
            ),
            dev=tuple(dev or ()),
            task=task,
            min_speedup=min_speedup,
            max_f1_loss=max_f1_loss,
            max_has_answer_f1_loss=max_has_answer_f1_loss,
            tested=test,
            command=shlex.join(["bench", *sys.argv[1:]]),
        )
        if max(request.threads) > (cores := available_cores()):
            say(errors, _NAME, oversubscribed(max(request.threads), cores), 0)
        with scratch() as folder, shown(errors) as progress:
            result = runs.run(request, folder, progress)
        print_report(result, Terminal(stderr=outputs.take_stdout))
        outputs.write(result)
        code = 0 if all(limit.met for limit in result.limits) else 1
    except InputError as error:
        for sentence in sentences(error):
            code = say(errors, _NAME, sentence, 2)
    except WorkerDiedError as error:
        code = say(errors, _NAME, str(error), 3)
    except BrokenPipeError:
        code = say(errors, _NAME, UNREAD, 2)
    except OSError as error:
        code = say(errors, _NAME, f"the system refused what was needed: {error}; nothing was kept.", 2)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        code = say(
            errors, _NAME, f"not enough memory{what}; close other programs, or give a smaller model.", 2
        )
    except KeyboardInterrupt:
        code = say(errors, _NAME, "interrupted; nothing was kept.", 130)
    raise typer.Exit(code)


def _doctor() -> int:
    """One line for each fault; exit code 1 where there is any."""
    faults = list(findings(this_installation()))
    for fault in faults or ["Nothing is wrong with this installation."]:
        print(fault)
    return 1 if faults else 0


def main() -> None:
    """Entry point of the command; what is called compare is no model but the other thing it does."""
    if sys.argv[1:2] == ["compare"]:
        run_command(COMPARE, compare_app, sys.argv[2:])
    run_command(_NAME, app)
