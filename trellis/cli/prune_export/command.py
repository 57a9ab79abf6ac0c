"""The command `prune-export`: reads what was asked, has it done, prints, and answers with an exit code."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from export.options import Output
from export.outputs import EXPORT
from prune.methods import chosen
from prune.methods.method import Method
from prune.options import Amount, Data, Training
from prune.train.settings import TrainingSettings
from trellis.cli.command import Command
from trellis.cli.doctor import sentences
from trellis.cli.entry import ends_at_once
from trellis.cli.prune_export.options import GROUPS, Arguments, Choosing, Files
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

_HELP = (
    "Cut a fine-tuned question-answering model to layers of unequal size and write it as ONNX.",
    "MODEL is a directory with config.json and safetensors weights, a hub id (owner/name), or the word demo. "
    "OUT.onnx is held against the model in PyTorch before it takes its place; tokenizer, config and decoding "
    "settings go beside it.",
    "With no amount given, the model is asked a set of built-in questions and cut as far as its own answers stay "
    "the same; a model that is already cut is exported as it is.",
)

_EXAMPLES = (
    ("as far as the model's own answers allow", "model_dir out/model.onnx"),
    ("the same, and measure what was lost", "model_dir out/model.onnx --dev dev-v2.0.json"),
    (
        "half of the heads and 65 % of the feed-forward activations",
        "model_dir out/model.onnx --prune-heads 50% --prune-ffn 65% --train train-v2.0.json",
    ),
    (
        "the paper: gates, cut, one epoch of distillation",
        "model_dir out/model.onnx --method l0 --prune-heads 53% --prune-ffn 65% --train train-v2.0.json --distill 1 "
        "--dev dev-v2.0.json",
    ),
    ("for TensorRT", "model_dir out/model.onnx --target tensorrt"),
    ("unchanged", "model_dir out/model.onnx --no-prune"),
)

_EXIT_CODES = (
    "0 written; 1 the graph was not equal to the model; 2 the request cannot be served as given; 130 interrupted. "
    "Whatever is not 0 leaves an existing OUT.onnx as it was, or says that it is written."
)


def prune_export(
    arguments: Arguments,
    choosing: Choosing,
    amount: Amount,
    methods: tuple[Method, ...],
    data: Data,
    training: Training,
    settings: TrainingSettings,
    output: Output,
    files: Files,
) -> int:
    """Do what was asked; the exit code. `methods` are all that there are, each with the options given."""
    errors, out = Terminal(stderr=True), arguments.out
    end_cleanly_when_told_to()
    request, before = None, _identity(out)
    try:
        request = Request(
            model=arguments.model,
            out=out,
            revision=choosing.revision,
            method=chosen(choosing.method, methods),
            seed=choosing.seed,
            amount=amount,
            data=data,
            training=training,
            settings=settings,
            output=output,
            files=files,
        )
        return _dry_run(request) if choosing.dry_run else _run(request, errors)
    except InputError as error:
        told = sentences(error, COMMAND.flags)
        told += [f"{out} itself is written."] if _identity(out) != before else []
        return max(say(errors, COMMAND.name, sentence, 2) for sentence in told)
    except BrokenPipeError:
        return say(errors, COMMAND.name, f"{UNREAD.removesuffix('.')}; {_state(out, before)}.", 2)
    except (OSError, MemoryError) as error:  # a full disk, a name too long, a model too large for the memory
        what = str(error) or type(error).__name__
        return say(errors, COMMAND.name, f"{what}; {_state(out, before)}.", 2)
    except KeyboardInterrupt:
        again = "; the same command goes on from here" if request and request.keeps_work else ""
        return say(errors, COMMAND.name, f"interrupted; {_state(out, before)}{again}.", 130)


COMMAND = Command(
    "prune-export", prune_export, GROUPS, help=_HELP, examples=_EXAMPLES, exit_codes=_EXIT_CODES
)


def main() -> None:
    """Entry point of the command."""
    run(COMMAND.name, COMMAND)


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
    with ends_at_once(COMMAND.name):
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
        return say(errors, COMMAND.name, str(error), 1)
    except OutOfMemoryError as error:
        raise InputError(
            "The GPU has too little free memory; end what else uses it, or set ACCELERATE_USE_CPU=1 to keep to "
            "the CPU."
        ) from error
    if outcome:  # None on all but the first of several processes
        if request.files.html_file:
            typed = shlex.join(["prune-export", *sys.argv[1:]])
            write_page(request.files.html_file, export_page(pipeline.to_dict(outcome), typed))
        print_outcome(outcome, Terminal())
    return 0


@contextmanager
def _claimed(request: Request, is_main: bool) -> Iterator[None]:
    """Keep other commands from writing the same files meanwhile; InputError at once where one is about to."""
    with ExitStack() as claims:
        if is_main:
            claims.enter_context(claim(request.out, EXPORT))
            if request.output.engine:
                claims.enter_context(claim(request.output.engine))
            if request.files.save_model:
                claims.enter_context(claim_directory(request.files.save_model))
        yield


def _dry_run(request: Request) -> int:
    request.check_paths()
    with ends_at_once(COMMAND.name):
        from prune.checkpoint import quiet
        from trellis.cli.prune_export.forecast import forecast

    quiet()
    keep_torch_to_available_cores()
    forecast(request, Terminal())
    return 0
