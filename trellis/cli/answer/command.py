"""The command `answer`: reads what was asked, has it answered, prints, and ends with an exit code."""

from answer.options import Batching, Engine, Refusal
from trellis.cli.answer.options import Arguments, Printed, Source, check_together
from trellis.cli.command import Command
from trellis.cli.entry import loading
from trellis.cli.options import Group
from trellis.command import end_cleanly_when_told_to
from trellis.command import run as run_command
from trellis.terminal import Terminal, say

_NAME = "answer"

_HELP = (
    "Answer questions with a model that prune-export wrote. Needs neither PyTorch nor transformers.",
    "MODEL is the .onnx file, or the folder it lies in with its tokenizer and decoding settings. Each "
    "QUESTION is asked about one text, of any length: --context FILE, or standard input. Its answer is "
    "printed as it stands in the text, on one line; the line is empty where the text does not answer it, by "
    "the threshold that came with the model. On a terminal, control characters in it are spelled out.",
    "Or many questions: --squad FILE, or --jsonl FILE, line by line, as they come.",
)

_EXAMPLES = (
    ("one question", 'out/model.onnx --context letter.txt "Who wrote it?"'),
    ("the same in a pipe, with what else it could be", 'out "Who wrote it?" --top-k 3 < letter.txt'),
    (
        "the official form, and odds for the official script's --na-prob-file",
        "out --squad dev.json --out predictions.json --na-probs odds.json --never-refuse",
    ),
    ("a stream of questions, each with its own context", "out --jsonl - < asked.jsonl > told.jsonl"),
)

_EXIT_CODES = (
    "0 all answered or refused; 1 some lines of --jsonl could not be answered, each has an error in its place; "
    "2 the request cannot be served as given; 130 interrupted."
)


def answer(
    arguments: Arguments,
    source: Source,
    refusal: Refusal,
    printed: Printed,
    engine: Engine,
    batching: Batching,
) -> int:
    """Have the questions answered; the exit code."""
    errors = Terminal(stderr=True)
    end_cleanly_when_told_to()
    with loading(_NAME):  # --help and what is refused at once need none of it
        from answer.answerer import open_answerer
        from trellis.cli.answer.asking import run
    try:
        check_together(arguments, source, printed)
        answerer = open_answerer(arguments.model, engine=engine, refusal=refusal, batching=batching)
        return run(answerer, arguments.questions, source, printed, errors)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        return say(errors, _NAME, f"not enough memory{what}; give a smaller --max-batch-tokens.", 2)


COMMAND = Command(
    _NAME,
    answer,
    (
        Group(Arguments, positional=True),
        Group(Source),
        Group(Refusal),
        Group(Printed, flags={"as_json": "--json"}),
        Group(Engine),
        Group(Batching, only=("max_batch_tokens",)),
    ),
    help=_HELP,
    examples=_EXAMPLES,
    exit_codes=_EXIT_CODES,
)


def main() -> None:
    """Entry point of the command."""
    run_command(_NAME, COMMAND)
