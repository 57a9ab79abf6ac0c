"""The console that all commands print to: what it shows of names and messages of others cannot steer it."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from trellis.printable import sentence_of, spelled_out


class Terminal(Console):
    """As rich's, with unprintable characters spelled out; it raises BrokenPipeError where nobody reads any more."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of `renderable`, of which only rich's own steer the terminal."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            if control or text.isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(spelled_out, text.split("\n"))), style)

    def on_broken_pipe(self) -> None:
        """Leave it to the command what to say and how to end."""
        self.quiet = True
        raise BrokenPipeError


def say(errors: Console, program: str, sentence: str, code: int) -> int:
    """Print one sentence of `program`'s, bounded and without control characters; returns `code`."""
    errors.print(f"{program}: {sentence_of(sentence)}", markup=False, highlight=False, soft_wrap=True)
    return code
