"""How far a long command has come, for those who wait: a bar on a terminal, elsewhere a line now and then."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all). What stands in brackets behind what is done, such as
the latest figures, may change from call to call; anything else begins a new stage. With one unit in all,
nobody can tell how far it is."""

INTERVAL = 10.0
"""Seconds between two lines about the same stage."""


@contextmanager
def shown(console: Console, *, is_main: bool = True, beats: bool = True) -> Iterator[Report]:
    """Show what is reported within on `console`; nothing where another process speaks for all.

    Without a terminal there is a line every INTERVAL even where nothing is reported, unless `beats` says that
    nothing may be under way.
    """
    if not is_main:
        yield lambda what, done, total: None
    elif console.file.isatty():
        with _Bar(console) as bar:
            yield bar.report
    else:
        lines = Lines(console)
        with lines.beating() if beats else nullcontext():
            yield lines.report


class Lines:
    """Plain lines: where a stage begins, and every INTERVAL after that, as long as the stage is silent too."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._stage, self._figures = "loading", ""
        self._began, self._told = clock(), clock()
        self._done_before, self._done, self._total = 0, 0, 1
        self._lock = threading.Lock()

    def report(self, what: str, done: int, total: int) -> None:
        """See Report."""
        with self._lock:
            stage, self._figures = _parts(what)
            is_new = stage != self._stage
            if is_new:
                self._stage, self._began, self._done_before = stage, self._clock(), done
            self._done, self._total = done, total
            self._tell(is_new)

    def beat(self) -> None:
        """Say where the stage is, if that was said an INTERVAL ago."""
        with self._lock:
            self._tell(False)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat within, from a thread of its own: what takes long may be a library that tells nobody anything."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(INTERVAL / 10):
                try:
                    self.beat()
                except (OSError, ValueError):  # nobody reads any more; the main thread will find out
                    return

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _tell(self, is_new: bool) -> None:
        now = self._clock()
        if not is_new and now - self._told < INTERVAL:
            return
        self._told = now
        spent, moved, left = now - self._began, self._done - self._done_before, self._total - self._done
        words = [f"{self._done} of {self._total}"] if self._total > 1 else []
        if not is_new and self._total > 1 and moved > 0 and left > 0:
            words.append(f"about {duration(spent / moved * left)} left")
        elif not is_new:
            words.append(f"{duration(spent)} so far")
        count = f": {', '.join(words)}" if words else ""
        line = f"{self._stage}{count}{self._figures}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


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
