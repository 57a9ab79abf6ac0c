"""What is said on the way: lines where nobody watches, a bar on a terminal, nothing from other processes."""

import io
import os
import pty
import re
import threading
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from trellis.progress import INTERVAL, Lines, duration, shown


class Told:
    """Lines as they come, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._stream = io.StringIO()
        lines = Lines(Console(file=self._stream), clock=lambda: self.now)
        self.report: Callable[[str, int, int], None] = lines.report
        self.beat = lines.beat

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


@pytest.fixture
def told() -> Told:
    return Told()


def test_each_stage_is_told_where_it_begins(told: Told) -> None:
    for what in ("asking the model", "trying 31 % removed", "trying 15 % removed"):
        for done in range(1, 100):
            told.report(what, done, 99)
    assert told.lines == [
        "asking the model: 1 of 99",
        "trying 31 % removed: 1 of 99",
        "trying 15 % removed: 1 of 99",
    ]


def test_within_a_stage_there_is_a_line_every_interval_at_most(told: Told) -> None:
    for done in range(1, 1001):
        told.report(f"distilling (loss {done / 8:.2f})", done, 1000)
        told.now += 1
    assert len(told.lines) == 1000 / INTERVAL == 100
    assert told.lines[:2] == [
        "distilling: 1 of 1000 (loss 0.12)",
        "distilling: 11 of 1000, about 16 min left (loss 1.38)",
    ]
    assert told.lines[-1] == "distilling: 991 of 1000, about 9 s left (loss 123.88)"


def test_a_stage_that_goes_on_in_the_middle_knows_its_own_speed(told: Told) -> None:
    told.report("distilling", 9000, 10_000)
    told.now += 100
    told.report("distilling", 9100, 10_000)
    assert told.lines[-1] == "distilling: 9100 of 10000, about 15 min left"


def test_one_unit_in_all_is_no_count_and_empty_brackets_are_no_figures(told: Told) -> None:
    told.report("cutting windows", 0, 1)
    told.report("retraining ()", 3, 9)
    assert told.lines == ["cutting windows", "retraining: 3 of 9"]


def test_a_stage_that_does_not_move_is_told_without_a_guess(told: Told) -> None:
    for _ in range(2):
        told.report("waiting", 5, 9)
        told.now += INTERVAL
    assert told.lines == ["waiting: 5 of 9", "waiting: 5 of 9, 10 s so far"]


def test_what_is_silent_is_told_every_interval_all_the_same(told: Told) -> None:
    told.report("quantizing", 0, 1)
    for _ in range(250):  # a library at work for 25 s, which says nothing
        told.now += 0.1
        told.beat()
    told.report("answering (512 found)", 32, 320)
    for _ in range(125):
        told.now += 0.1
        told.beat()
    told.report("answering (1024 found)", 64, 320)
    told.now += INTERVAL
    told.beat()
    assert told.lines == [
        "quantizing",
        "quantizing: 10 s so far",
        "quantizing: 20 s so far",
        "answering: 32 of 320 (512 found)",
        "answering: 32 of 320, 10 s so far (512 found)",
        "answering: 64 of 320, about 3 min left (1024 found)",
    ]


def test_what_comes_before_the_first_stage_is_told_once_it_takes_long(told: Told) -> None:
    told.beat()
    assert told.lines == []
    told.now += INTERVAL
    told.beat()
    assert told.lines == ["loading: 10 s so far"]


def test_a_stage_that_is_done_and_still_at_work_guesses_nothing(told: Told) -> None:
    told.report("answering", 1, 9)
    told.report("answering", 9, 9)
    told.now += INTERVAL
    told.beat()
    assert told.lines == ["answering: 1 of 9", "answering: 9 of 9, 10 s so far"]


def test_without_a_terminal_it_beats_by_itself_and_ends_with_what_it_is_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trellis.progress.INTERVAL", 0.05)
    stream = io.StringIO()
    before = threading.active_count()
    with shown(Console(file=stream)) as report:
        report("quantizing", 0, 1)
        while stream.getvalue().count("\n") < 3:
            time.sleep(0.01)
    assert threading.active_count() == before
    assert stream.getvalue().splitlines()[:3] == ["quantizing", *["quantizing: 0 s so far"] * 2]


def test_where_nothing_may_be_under_way_it_does_not_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.progress.INTERVAL", 0.05)
    stream = io.StringIO()
    with shown(Console(file=stream), beats=False) as report:
        report("answering", 0, 1)
        time.sleep(0.3)
    assert stream.getvalue() == "answering\n"


def test_long_lines_and_brackets_come_as_they_are(told: Told) -> None:
    what = "training gates of [heads] " + "x" * 200
    told.report(what, 1, 9)
    assert told.lines == [f"{what}: 1 of 9"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (120, "2 min"), (5940, "99 min"), (6000, "1.7 h"), (360_000, "100.0 h")],
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_where_another_process_speaks_nothing_is_said() -> None:
    stream = io.StringIO()
    with shown(Console(file=stream), is_main=False) as report:
        report("distilling", 1, 9)
    assert stream.getvalue() == ""


def test_on_a_terminal_there_is_a_bar_with_the_time_left_and_then_nothing() -> None:
    master, slave = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while piece := os.read(master, 4096):
                seen.extend(piece)
        except OSError:  # the other end was closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w") as terminal:
        console = Console(file=terminal, width=100, force_terminal=True)
        with shown(console) as report:
            for done in range(50, 60):
                report(f"distilling (loss {done}.5)", done, 100)
                time.sleep(0.1)
            time.sleep(0.3)  # drawn ten times a second
            report("writing", 0, 1)
    reader.join()
    text = seen.decode()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "loading" in plain
    assert re.search(r"distilling \(loss 59\.5\) .* 59/100 0:00:0[1-9]", plain)
    assert text.rstrip().endswith("\x1b[2K")  # the last line is wiped
