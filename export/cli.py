"""The command `prune-export`: reads what was asked, has it done, prints, and answers with an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from export.request import Request, Target
from prune.choose import Method
from prune.command import end_cleanly_when_told_to
from prune.errors import InputError

if TYPE_CHECKING:
    from prune.search import Progress as Report

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

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
                    "48 % of the heads and 65 % of the feed-forward activations",
                    "model_dir out/model.onnx --prune-heads 0.48 --prune-ffn 0.65 --train train-v2.0.json",
                ),
                ("for TensorRT or OpenVINO", "model_dir out/model.onnx --target portable"),
                ("unchanged", "model_dir out/model.onnx --no-prune"),
            )
        ),
        "[bold]Exit codes[/bold]",
        "0 written; 1 the graph was not equal to the model; 2 the request cannot be served as given; "
        "130 interrupted. Whatever is not 0 leaves an existing OUT.onnx as it was.",
    )
)


@app.command(help=_HELP, epilog=_EXAMPLES)
def prune_export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Directory, hub id, or demo.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    revision: Annotated[str | None, typer.Option(help="Revision of a hub id.")] = None,
    prune_heads: Annotated[
        float | None, typer.Option(metavar="F", help="Fraction of all heads to remove, 0 up to below 1.")
    ] = None,
    prune_ffn: Annotated[
        float | None, typer.Option(metavar="F", help="Fraction of all feed-forward activations to remove.")
    ] = None,
    shape: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='JSON of wanted sizes: {"num_heads": [...], "intermediate_size": [...]}.'
        ),
    ] = None,
    no_prune: Annotated[bool, typer.Option("--no-prune", help="Export the model unchanged.")] = False,
    min_agreement: Annotated[
        float,
        typer.Option(help="With no amount given: mean token F1, in percent, with the uncut model's answers."),
    ] = 90.0,
    calibration: Annotated[
        str | None, typer.Option(metavar="FILE", help="Questions (SQuAD JSON) in place of the built-in ones.")
    ] = None,
    method: Annotated[Method, typer.Option(help="What decides which units go.")] = "gain",
    multiple_of: Annotated[
        int | None,
        typer.Option(
            help="Round feed-forward widths up to a multiple.", show_default="1; 8 with no amount given"
        ),
    ] = None,
    train: Annotated[
        str | None, typer.Option(metavar="FILE|ID", help="Annotated questions (SQuAD) to score units by.")
    ] = None,
    train_questions: Annotated[
        int, typer.Option(help="How many of --train to score by, drawn with --seed; 0 is all.")
    ] = 1000,
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|ID", help="Annotated questions (SQuAD): measure F1 and EM, set the null threshold."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn at random.")] = 0,
    target: Annotated[
        Target, typer.Option(help="portable: standard operators; onnxruntime: its fused ones, faster there.")
    ] = "onnxruntime",
    save_model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the cut model as a model directory too.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the demo is kept.", show_default="OUT.onnx.work")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything that was found as JSON.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    errors = Console(stderr=True)
    end_cleanly_when_told_to()
    try:
        request = Request(
            model=model,
            out=out,
            revision=revision,
            prune_heads=prune_heads,
            prune_ffn=prune_ffn,
            shape=shape,
            no_prune=no_prune,
            min_agreement=min_agreement,
            method=method,
            multiple_of=multiple_of,
            train=train,
            train_questions=train_questions,
            dev=dev,
            calibration=calibration,
            seed=seed,
            target=target,
            save_model=save_model,
            work=work,
            json_file=json_file,
        )
        code = _dry_run(request) if dry_run else _run(request, errors)
    except InputError as error:
        code = _say(errors, str(error), 2)
    except (OSError, MemoryError) as error:  # a full disk, a name too long, a model too large for the memory
        code = _say(errors, f"{error or type(error).__name__}; nothing was written to {out}.", 2)
    except KeyboardInterrupt:
        code = _say(errors, f"interrupted; {out} is as it was.", 130)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the command."""
    app(prog_name="prune-export")


def _run(request: Request, errors: Console) -> int:
    request.check_paths()  # before the seconds that torch takes to load
    from export import pipeline
    from export.parity import ParityError
    from export.report import print_outcome
    from prune.checkpoint import quiet

    quiet()
    try:
        with _progress(errors) as report:
            outcome = pipeline.run(request, report)
    except ParityError as error:
        return _say(errors, str(error), 1)
    print_outcome(outcome, Console())
    return 0


def _dry_run(request: Request) -> int:
    request.check_paths()
    from export.forecast import forecast
    from prune.checkpoint import quiet

    quiet()
    forecast(request, Console())
    return 0


def _say(errors: Console, sentence: str, code: int) -> int:
    errors.print(f"prune-export: {sentence}", markup=False, highlight=False, soft_wrap=True)
    return code


@contextmanager
def _progress(errors: Console) -> Iterator["Report"]:
    """A bar for the stage under way, on stderr and only where somebody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task("loading", total=None)

        def report(what: str, done: int, total: int) -> None:
            if bars.tasks[0].description != what:
                bars.reset(task, description=what)
            bars.update(task, completed=done, total=total)

        yield report
