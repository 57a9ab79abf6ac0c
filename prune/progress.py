"""How far a long command has come, for those who wait: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all). What stands in brackets behind what is done, such as
the latest figures, may change from call to call; anything else begins a new stage. With one unit in all,
nobody can tell how far it is."""

INTERVAL = 30.0
"""Seconds at least between two lines about the same stage."""


@contextmanager
def shown(console: Console, *, is_main: bool = True) -> Iterator[Report]:
    """Show what is reported within on `console`; nothing where another process speaks for all."""
    if not is_main:
        yield lambda what, done, total: None
    elif console.file.isatty():
        with _Bar(console) as bar:
            yield bar.report
    else:
        yield Lines(console).report


class Lines:
    """Plain lines: where a stage begins, and every INTERVAL after that."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._stage = ""
        self._began, self._done_before, self._told = 0.0, 0, 0.0

    def report(self, what: str, done: int, total: int) -> None:
        """See Report."""
        stage, figures = _parts(what)
        now = self._clock()
        left = ""
        if stage != self._stage:
            self._stage, self._began, self._done_before = stage, now, done
        elif now - self._told < INTERVAL:
            return
        elif done > self._done_before:
            seconds = (now - self._began) / (done - self._done_before) * (total - done)
            left = f", about {duration(seconds)} left"
        self._told = now
        count = f": {done} of {total}" if total > 1 else ""
        self._console.print(f"{stage}{count}{left}{figures}", markup=False, highlight=False, soft_wrap=True)


class _Bar(Progress):
    """One bar, for the stage under way; gone at the end."""

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
        super().__init__(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._task = self.add_task("loading", total=None)
        self._stage = ""

    def report(self, what: str, done: int, total: int) -> None:
        """See Report."""
        stage, figures = _parts(what)
        if stage != self._stage:
            self._stage = stage
            self.remove_task(self._task)  # a new one forgets how fast the stage before was
            self._task = self.add_task(stage, total=total if total > 1 else None, completed=done)
        self.update(self._task, description=f"{stage}{figures}", completed=done)


def duration(seconds: float) -> str:
    """In words, to about two digits."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def _parts(what: str) -> tuple[str, str]:
    """(the stage, its figures in brackets or nothing)."""
    stage, bracket, figures = what.partition(" (")
    return stage, bracket + figures if figures not in ("", ")") else ""
