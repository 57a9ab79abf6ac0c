"""The command `bench compare`: reads two results, says what changed, and answers with an exit code."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bench.changes.between import Changes, changes_between
from bench.result.result import read_result
from trellis.cli.bench.compare_report import print_changes
from trellis.cli.bench.outputs import Outputs, json_text
from trellis.command import UNREAD
from trellis.errors import InputError
from trellis.share import parse_share
from trellis.terminal import Terminal, say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

NAME = "bench compare"

_HELP = """
Say what changed between two results that bench wrote with --json.

Comparisons are matched by the names of both models, runtime, precisions, threads, clients, timing and operating point.
The change of a speed-up, new / old, has a 95 % interval of its own, from how the launches of both results
differ. Times are compared only where machine, software, device and inputs are the same.

Exit codes: 0 compared, and no limit missed; 1 a speed-up lost more than --max-regression; 2 the files cannot be
compared.
"""
_HELP = "\n\n".join(paragraph.replace("\n", " ") for paragraph in _HELP.strip().split("\n\n"))


@app.command(help=_HELP)
def main(
    old: Annotated[str, typer.Argument(metavar="OLD.json", help="The result before.")],
    new: Annotated[str, typer.Argument(metavar="NEW.json", help="The result after.")],
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - is stdout.")
    ] = None,
    max_regression: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Exit 1 where a speed-up is lower by more than this, like 2%, with its whole interval: "
            "what is undecided passes, and so does what only one file has.",
        ),
    ] = None,
) -> None:
    try:
        limit = None if max_regression is None else _limit(max_regression)
        outputs = Outputs.of(("--json", json_file, json_text))
        outputs.spare([Path(old), Path(new)])
        before, after = read_result(Path(old)), read_result(Path(new))
        changes = changes_between(before, after, sources=(old, new))
        console = Terminal(stderr=outputs.take_stdout)
        print_changes(changes, console)
        if not changes.points:
            raise InputError(f"{old} and {new} have nothing in common to compare; see above what each has.")
        lost = _hold_against(changes, limit, console)
        outputs.write({"old": old, "new": new, **changes.to_dict(), "max_regression": limit, "met": not lost})
    except InputError as error:
        raise _refusal(str(error)) from None
    except BrokenPipeError:
        raise _refusal(UNREAD) from None
    except OSError as error:
        raise _refusal(f"the system refused what was needed: {error}.") from None
    raise typer.Exit(1 if lost else 0)


def _refusal(sentence: str) -> typer.Exit:
    return typer.Exit(say(Terminal(stderr=True), NAME, sentence, 2))


def _limit(text: str) -> float:
    share = parse_share("--max-regression", text)
    if not 0 <= share < 1:
        raise InputError(f"--max-regression is {text!r}; give a share from 0 to below 1, like 2%.")
    return share


def _hold_against(changes: Changes, limit: float | None, console: Terminal) -> bool:
    """Whether a speed-up lost more than `limit`; prints the verdict."""
    if limit is None:
        return False
    lost = [point for point in changes.points if point.change.lost_more_than(limit)]
    for point in lost:
        how_much = f"{1 - point.change.estimate:.1%} (at least {1 - point.change.high:.1%})"
        line = f"--max-regression {limit:.1%}: MISSED, {how_much} lost: {point.pair.label}, {point.where}"
        console.print(Text(line, style="bold red"), highlight=False)
    if not lost:
        console.print(Text(f"--max-regression {limit:.1%}: met", style="green"), highlight=False)
    return bool(lost)
