"""The command `prune-export`: reads what was asked, has it done, prints, and answers with an exit code."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from export.outputs import EXPORT
from export.target import GraphPrecision, Target
from prune.methods import Method
from prune.methods.gate_settings import GateLoss, GateSettings
from prune.tasks.question_answering.task import TaskName
from prune.train.settings import Precision, TrainingSettings
from trellis.cli.doctor import sentences
from trellis.cli.entry import ends_at_once
from trellis.cli.prune_export.flags import called_by_flag, share
from trellis.cli.prune_export.page import export_page
from trellis.cli.prune_export.request import Request
from trellis.command import UNREAD, end_cleanly_when_told_to, run
from trellis.cores import keep_torch_to_available_cores
from trellis.errors import InputError
from trellis.files.replace import claim_directory
from trellis.files.together import claim
from trellis.html.file import write_page
from trellis.progress import shown
from trellis.terminal import Terminal, say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

_NAME = "prune-export"

_HELP = "\n\n".join(
    (
        "Cut a fine-tuned question-answering model to layers of unequal size and write it as ONNX.",
        "MODEL is a directory with config.json and safetensors weights, a hub id (owner/name), or the word "
        "demo. OUT.onnx is held against the model in PyTorch before it takes its place; tokenizer, config and "
        "decoding settings go beside it.",
        "With no amount given, the model is asked a set of built-in questions and cut as far as its own "
        "answers stay the same; a model that is already cut is exported as it is.",
    )
)

_EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/bold]",
        *(
            f"  [dim]# {what}[/dim]\n\n  prune-export {arguments}"
            for what, arguments in (
                ("as far as the model's own answers allow", "model_dir out/model.onnx"),
                ("the same, and measure what was lost", "model_dir out/model.onnx --dev dev-v2.0.json"),
                (
                    "half of the heads and 65 % of the feed-forward activations",
                    "model_dir out/model.onnx --prune-heads 50% --prune-ffn 65% --train train-v2.0.json",
                ),
                (
                    "the paper: gates, cut, one epoch of distillation",
                    "model_dir out/model.onnx --method l0 --prune-heads 53% --prune-ffn 65% "
                    "--train train-v2.0.json --distill 1 --dev dev-v2.0.json",
                ),
                ("for TensorRT", "model_dir out/model.onnx --target tensorrt"),
                ("unchanged", "model_dir out/model.onnx --no-prune"),
            )
        ),
        "[bold]Exit codes[/bold]",
        "0 written; 1 the graph was not equal to the model; 2 the request cannot be served as given; "
        "130 interrupted. Whatever is not 0 leaves an existing OUT.onnx as it was, or says that it is written.",
    )
)


_AMOUNT, _GATES, _DATA = "How much goes", "Gates (--method l0)", "Data"
_TRAINING, _OUTPUT = "Training after the cut", "What is written"


@app.command(help=_HELP, epilog=_EXAMPLES)
def prune_export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Directory, hub id, or demo.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    revision: Annotated[str | None, typer.Option(help="Revision of a hub id.")] = None,
    method: Annotated[Method, typer.Option(help="What decides which units go.")] = "gain",
    seed: Annotated[int, typer.Option(help="Of everything drawn at random.")] = 0,
    prune_heads: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="Of all heads to remove, such as 50% or 0.5; below 1.",
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    prune_ffn: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="Of all feed-forward activations to remove.",
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    lambda_heads: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="With l0: what an open head costs, as a multiple of the paper's λ*.",
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    lambda_ffn: Annotated[
        float | None,
        typer.Option(metavar="X", help="The same for feed-forward activations.", rich_help_panel=_AMOUNT),
    ] = None,
    lambda_absolute: Annotated[
        bool,
        typer.Option("--lambda-absolute", help="Both λ are per gate, no multiples.", rich_help_panel=_AMOUNT),
    ] = False,
    shape: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='JSON of wanted sizes: {"num_heads": [...], "intermediate_size": [...]}.',
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the very units that another run kept: what it wrote with --json.",
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Cut nothing.", rich_help_panel=_AMOUNT)
    ] = False,
    min_agreement: Annotated[
        float,
        typer.Option(
            help="With no amount given: mean token F1, in percent, with the uncut model's answers.",
            rich_help_panel=_AMOUNT,
        ),
    ] = 90.0,
    multiple_of: Annotated[
        int | None,
        typer.Option(
            help="Round feed-forward widths up to a multiple.",
            show_default="1; 8 with no amount given",
            rich_help_panel=_AMOUNT,
        ),
    ] = None,
    joint: Annotated[
        bool,
        typer.Option(
            "--joint", help="Train gates of heads and of activations together.", rich_help_panel=_GATES
        ),
    ] = False,
    gate_share: Annotated[
        float,
        typer.Option(metavar="SHARE", parser=share, help="Share of --train to use.", rich_help_panel=_GATES),
    ] = 1.0,
    gate_epochs: Annotated[float, typer.Option(help="Times over that share.", rich_help_panel=_GATES)] = 1.0,
    gate_loss: Annotated[
        GateLoss,
        typer.Option(
            help="task: the annotated answers; distill: the ungated model's logits.", rich_help_panel=_GATES
        ),
    ] = "task",
    gate_learning_rate: Annotated[float, typer.Option(help="Of log α.", rich_help_panel=_GATES)] = 0.1,
    task: Annotated[
        TaskName, typer.Option(help="The form of --train and --dev.", rich_help_panel=_DATA)
    ] = "squad",
    train: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|ID",
            help="Annotated questions: to score units by, to train on.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    train_questions: Annotated[
        int,
        typer.Option(
            help="How many of --train gain scores by, drawn with --seed; 0 is all.", rich_help_panel=_DATA
        ),
    ] = 1000,
    train_length: Annotated[
        int | None,
        typer.Option(
            help="Tokens in a window to train on.",
            show_default="as for answering: 384",
            rich_help_panel=_DATA,
        ),
    ] = None,
    null_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="With nq: share of the windows without an answer to train on.",
            rich_help_panel=_DATA,
        ),
    ] = 0.02,
    dev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|ID",
            help="Annotated questions: measure what was lost, set the null threshold. May be given several times.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With no amount given: questions (SQuAD JSON) in place of the built-in ones.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    retrain: Annotated[
        float | None,
        typer.Option(metavar="EPOCHS", help="Train on the annotated answers.", rich_help_panel=_TRAINING),
    ] = None,
    distill: Annotated[
        float | None,
        typer.Option(metavar="EPOCHS", help="Learn the uncut model's logits.", rich_help_panel=_TRAINING),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Learn from this model.",
            show_default="the uncut one",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Of both models' answers.", rich_help_panel=_TRAINING)
    ] = 2.0,
    task_weight: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="Share of the annotated answers in the loss of --distill.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0.0,
    hidden_weight: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Weight of the teacher's hidden states, layer by layer, in it.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0.0,
    learning_rate: Annotated[float, typer.Option(help="At its peak.", rich_help_panel=_TRAINING)] = 3e-5,
    batch_size: Annotated[
        int, typer.Option(help="Windows in a step, of gates too.", rich_help_panel=_TRAINING)
    ] = 24,
    micro_batch: Annotated[
        int | None,
        typer.Option(
            help="Windows at once, where memory is short.",
            show_default="all of a batch",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="Share of the contexts to tell the best weights by, instead of training on them.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0.02,
    evaluate_every: Annotated[
        float | None,
        typer.Option(
            metavar="EPOCHS",
            help="How often to look at them.",
            show_default="1",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many looks without a better one.", rich_help_panel=_TRAINING),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=share,
            help="In place of the model's own rates; 0 is much faster on a CPU.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    mixed_precision: Annotated[
        Precision, typer.Option(help="auto: what the device has.", rich_help_panel=_TRAINING)
    ] = "auto",
    target: Annotated[
        Target,
        typer.Option(
            help="What is to run the file; portable: standard operators, for anything.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "onnxruntime",
    precision: Annotated[
        GraphPrecision,
        typer.Option(
            help="Of the graph's products. fp16: for GPUs; what could overflow stays in fp32.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "fp32",
    int8_windows: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Windows that int8 takes its ranges from: of --train, or of the built-in questions.",
            rich_help_panel=_OUTPUT,
        ),
    ] = 256,
    max_f1_loss: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Of F1 as served that int8 may cost on --dev; the parts that hurt most stay in fp32.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    max_has_answer_f1_loss: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="The same over the questions that have an answer.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    engine: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Build TensorRT's engine as well (with --target tensorrt).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    profiles: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Batches and lengths that it serves: MIN..OPTIMUM..MAX of each, such as 1x384,1..8..32x16..512.",
            show_default="one for single questions, one for batches up to 32",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    timing_cache: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What TensorRT timed: read and written.", rich_help_panel=_OUTPUT),
    ] = None,
    save_model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the cut model as a model directory too.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keeps finished and half-finished stages: the same command goes on from there.",
            show_default="OUT.onnx.work",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write everything that was found.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page that shows the run.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    errors = Terminal(stderr=True)
    end_cleanly_when_told_to()
    request, before = None, _identity(out)
    try:
        with called_by_flag():
            gates = GateSettings(
                epochs=gate_epochs,
                batch_size=batch_size,
                micro_batch_size=micro_batch,
                learning_rate=gate_learning_rate,
                distill=gate_loss == "distill",
                temperature=temperature,
            )
            training = TrainingSettings(
                learning_rate=learning_rate,
                batch_size=batch_size,
                micro_batch_size=micro_batch,
                temperature=temperature,
                task_weight=task_weight,
                hidden_weight=hidden_weight,
                held_out=held_out,
                evaluate_every=evaluate_every,
                patience=patience,
                dropout=dropout,
                mixed_precision=mixed_precision,
            )
        request = Request(
            model=model,
            out=out,
            revision=revision,
            task=task,
            prune_heads=prune_heads,
            prune_ffn=prune_ffn,
            lambda_heads=lambda_heads,
            lambda_ffn=lambda_ffn,
            lambda_absolute=lambda_absolute,
            shape=shape,
            plan=plan,
            no_prune=no_prune,
            min_agreement=min_agreement,
            method=method,
            multiple_of=multiple_of,
            joint=joint,
            gate_share=gate_share,
            gates=gates,
            train=train,
            train_questions=train_questions,
            train_length=train_length,
            null_share=null_share,
            dev=tuple(dev or ()),
            calibration=calibration,
            retrain=retrain,
            distill=distill,
            teacher=teacher,
            training=training,
            seed=seed,
            target=target,
            precision=precision,
            int8_windows=int8_windows,
            max_f1_loss=max_f1_loss,
            max_has_answer_f1_loss=max_has_answer_f1_loss,
            engine=engine,
            profiles=profiles,
            timing_cache=timing_cache,
            save_model=save_model,
            work=work,
            json_file=json_file,
            html_file=html_file,
        )
        code = _dry_run(request) if dry_run else _run(request, errors)
    except InputError as error:
        told = sentences(error)
        told += [f"{out} itself is written."] if _identity(out) != before else []
        for sentence in told:
            code = say(errors, _NAME, sentence, 2)
    except BrokenPipeError:
        code = say(errors, _NAME, f"{UNREAD.removesuffix('.')}; {_state(out, before)}.", 2)
    except (OSError, MemoryError) as error:  # a full disk, a name too long, a model too large for the memory
        code = say(errors, _NAME, f"{str(error) or type(error).__name__}; {_state(out, before)}.", 2)
    except KeyboardInterrupt:
        again = "; the same command goes on from here" if request and request.keeps_work else ""
        code = say(errors, _NAME, f"interrupted; {_state(out, before)}{again}.", 130)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the command."""
    run(_NAME, app)


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells a file from the one that takes its place; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _state(out: Path, before: tuple[int, ...] | None) -> str:
    """Whether the file at `out` is the one that was there before: what follows it, such as an engine, may fail."""
    return f"{out} is as it was" if _identity(out) == before else f"{out} is written, and nothing after it"


def _run(request: Request, errors: Terminal) -> int:
    began = time.monotonic()
    request.check_paths()  # before the seconds that torch takes to load
    with ends_at_once(_NAME):
        from torch import OutOfMemoryError

        from export.parity import ParityError
        from prune.checkpoint import quiet
        from trellis.cli.prune_export import pipeline
        from trellis.cli.prune_export.report import print_outcome
        from trellis.ranks import ranks

    quiet()
    keep_torch_to_available_cores()
    try:
        with shown(errors, is_main=ranks().is_main) as report, _claimed(request, ranks().is_main):
            outcome = pipeline.run(request, report, began=began)
    except ParityError as error:
        return say(errors, _NAME, str(error), 1)
    except OutOfMemoryError as error:
        raise InputError(
            "The GPU has too little free memory; end what else uses it, or set ACCELERATE_USE_CPU=1 to keep to "
            "the CPU."
        ) from error
    if outcome:  # None on all but the first of several processes
        if request.html_file:
            typed = shlex.join(["prune-export", *sys.argv[1:]])
            write_page(request.html_file, export_page(pipeline.to_dict(outcome), typed))
        print_outcome(outcome, Terminal())
    return 0


@contextmanager
def _claimed(request: Request, is_main: bool) -> Iterator[None]:
    """Keep other commands from writing the same files meanwhile; InputError at once where one is about to."""
    with ExitStack() as claims:
        if is_main:
            claims.enter_context(claim(request.out, EXPORT))
            if request.engine:
                claims.enter_context(claim(request.engine))
            if request.save_model:
                claims.enter_context(claim_directory(request.save_model))
        yield


def _dry_run(request: Request) -> int:
    request.check_paths()
    with ends_at_once(_NAME):
        from prune.checkpoint import quiet
        from trellis.cli.prune_export.forecast import forecast

    quiet()
    keep_torch_to_available_cores()
    forecast(request, Terminal())
    return 0
