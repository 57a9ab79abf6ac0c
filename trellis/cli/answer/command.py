"""The command `answer`: reads what was asked, has it answered, prints, and ends with an exit code."""

from pathlib import Path
from typing import Annotated

import typer

from answer.batching import MAX_BATCH_TOKENS
from export.target import CpuRuntime
from trellis.cli.answer.asking import run
from trellis.cli.answer.request import Request
from trellis.command import UNREAD, end_cleanly_when_told_to
from trellis.command import run as run_command
from trellis.errors import InputError
from trellis.terminal import Terminal, say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

_NAME = "answer"

_HELP = "\n\n".join(
    (
        "Answer questions with a model that prune-export wrote. Needs neither PyTorch nor transformers.",
        "MODEL is the .onnx file, or the folder it lies in with its tokenizer and decoding settings. Each "
        "QUESTION is asked about one text, of any length: --context FILE, or standard input. Its answer is "
        "printed as it stands in the text, on one line; the line is empty where the text does not answer it, by "
        "the threshold that came with the model. On a terminal, control characters in it are spelled out.",
        "Or many questions: --squad FILE, or --jsonl FILE, line by line, as they come.",
    )
)

_EXAMPLES = "\n\n".join(
    (
        "[bold]Examples[/bold]",
        *(
            f"  [dim]# {what}[/dim]\n\n  answer {arguments}"
            for what, arguments in (
                ("one question", 'out/model.onnx --context letter.txt "Who wrote it?"'),
                ("the same in a pipe, with what else it could be", 'out "Who wrote it?" --top-k 3 < letter.txt'),
                ("the official form, and odds for the official script's --na-prob-file", "out --squad dev.json "
                 "--out predictions.json --na-probs odds.json --never-refuse"),
                ("a stream of questions, each with its own context", "out --jsonl - < asked.jsonl > told.jsonl"),
            )
        ),
        "[bold]Exit codes[/bold]",
        "0 all answered or refused; 1 some lines of --jsonl could not be answered, each has an error in its place; "
        "2 the request cannot be served as given; 130 interrupted.",
    )
)  # fmt: skip

_ASKED, _DECODING, _PRINTED = "What is asked", "What is an answer", "What is printed"


@app.command(help=_HELP, epilog=_EXAMPLES)
def answer(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The .onnx file, or its folder.")],
    questions: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION", help="About the context.")
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Text that holds the answers, in UTF-8; - is standard input.",
            show_default="standard input",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    squad: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="SQuAD JSON; its answers need not be there. Predictions come as {id: text}.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    jsonl: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Lines {"question", "context"[, "id"]}; - is standard input. One line of JSON for each.',
            rich_help_panel=_ASKED,
        ),
    ] = None,
    null_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help='Refuse where "no answer" scores so much more than the best span, in logits.',
            show_default="the model's",
            rich_help_panel=_DECODING,
        ),
    ] = None,
    never_refuse: Annotated[
        bool,
        typer.Option("--never-refuse", help="Give the best guess always.", rich_help_panel=_DECODING),
    ] = False,
    top_k: Annotated[
        int,
        typer.Option(
            metavar="K",
            help="Print so many spans, best first, each behind its probability; with JSON, as spans.",
            rich_help_panel=_PRINTED,
        ),
    ] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each QUESTION.", rich_help_panel=_PRINTED)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --squad: write the predictions there.",
            show_default="standard output",
            rich_help_panel=_PRINTED,
        ),
    ] = None,
    na_probs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='With --squad: write {id: score of "no answer" less the best span\'s} there.',
            rich_help_panel=_PRINTED,
        ),
    ] = None,
    runtime: Annotated[
        CpuRuntime | None,
        typer.Option(help="What runs the file.", show_default="what it was written for"),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads.", show_default="all physical cores")] = None,
    max_batch_tokens: Annotated[
        int, typer.Option(metavar="N", help="Tokens run at once, at most.")
    ] = MAX_BATCH_TOKENS,
) -> None:
    errors = Terminal(stderr=True)
    end_cleanly_when_told_to()
    try:
        request = Request(
            model=model,
            questions=tuple(questions or ()),
            context=context,
            squad=squad,
            jsonl=jsonl,
            null_threshold=null_threshold,
            never_refuse=never_refuse,
            top_k=top_k,
            as_json=as_json,
            out=out,
            na_probs=na_probs,
            runtime=runtime,
            threads=threads,
            max_batch_tokens=max_batch_tokens,
        )
        code = run(request, errors)
    except InputError as error:
        code = say(errors, _NAME, str(error), 2)
    except BrokenPipeError:
        code = say(errors, _NAME, UNREAD, 2)
    except OSError as error:
        code = say(errors, _NAME, f"the system refused what was needed: {error}.", 2)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        code = say(errors, _NAME, f"not enough memory{what}; give a smaller --max-batch-tokens.", 2)
    except KeyboardInterrupt:
        code = say(errors, _NAME, "interrupted.", 130)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the command."""
    run_command(_NAME, app)
