"""Commands run in this process, and what must hold of every run, whatever was done to its inputs."""

import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.commands import Ended, invoke

from trellis.cli.answer.command import COMMAND as ANSWER
from trellis.cli.bench.command import COMMAND as BENCH
from trellis.cli.bench.compare_command import COMMAND as COMPARE
from trellis.cli.prune_export.command import COMMAND as EXPORT
from trellis.printable import LONGEST

APPS = {command.name: command for command in (EXPORT, BENCH, COMPARE, ANSWER)}
TIMES = float(os.environ.get("ESPALIER_FUZZ", "1"))
"""How often the usual number of cases."""
_MEANS_ONE = ("differ", "could not be answered", "MISSED")
"""What is said where exit code 1 is meant: parity, lines of a stream, a limit."""
PATIENCE = 300
"""Seconds for one case, on a machine that does much else."""


def ended(program: str, arguments: list[str]) -> Ended:
    """Run the command here, as its entry point does."""
    with _limited():
        return invoke(APPS[program], arguments)


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"it took more than {PATIENCE} s")

    before = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def faults(program: str, done: Ended) -> list[str]:
    """What is not as it must be, in words."""
    found = []
    if done.exit_code not in (0, 2) and not (
        done.exit_code == 1 and any(words in done.stderr for words in _MEANS_ONE)
    ):
        found.append(f"exit code {done.exit_code}")
    if "Traceback" in done.stderr or "a fault of ours" in done.stderr:
        found.append("a fault of ours")
    sentences = [line for line in done.stderr.split("\n") if line.startswith(f"{program}: ")]
    if done.exit_code == 2 and len(sentences) != 1:
        found.append(f"{len(sentences)} sentences")
    if any(len(line) > LONGEST + len(program) + 2 for line in done.stderr.split("\n")):
        found.append("an unbounded line")
    if not all(line.isprintable() for line in done.stderr.split("\n")):
        found.append("control characters")
    if any(sign in done.stderr for sign in ("Warning:", "onnxruntime:", "panicked")):
        found.append("a library's own words")
    return found


def hunt(
    kind: str,
    program: str,
    folder: Path,
    cases: int,
    prepare: Callable[[random.Random, Path], list[str]],
    *,
    outputs: tuple[str, ...] = (),
) -> None:
    """Run `program` on what `prepare` makes in a folder of its own and the arguments that it returns, case by case.

    `outputs` are names in that folder that must not be there where the command failed. Says which cases are faulty,
    by the seeds that make them again.
    """
    wrong, codes, told_of = [], Counter[int](), Counter[str]()
    number = max(1, round(cases * TIMES))
    for seed in range(number):
        room = folder / "case"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir(parents=True)
        arguments = prepare(random.Random(f"{kind} {seed}"), room)
        before = {path.relative_to(room) for path in room.rglob("*")}
        done = ended(program, arguments)
        codes[done.exit_code] += 1
        told_of[done.stderr.replace(str(folder), "").partition(f"{program}: ")[2]] += 1
        found = faults(program, done)
        if done.exit_code:
            after = {path.relative_to(room) for path in room.rglob("*")} - before
            found += [f"left {path}" for path in sorted(after) if path.parts[0] in (*outputs, "out")]
        if found:
            told = (
                done.stderr if len(done.stderr) < 1500 else f"{done.stderr[:700]} [...] {done.stderr[-700:]}"
            )
            wrong.append(f"{kind} {seed}: {', '.join(found)}\n    {arguments}\n    {told!r}")
    print(
        f"FUZZ {kind}: {number} cases, exit codes {dict(codes)}, {len(wrong)} wrong",
        file=sys.__stderr__,
        flush=True,
    )
    if os.environ.get("ESPALIER_FUZZ_TOLD"):
        print(*told_of.most_common(12), sep="\n", file=sys.__stderr__)
    assert len(told_of) > min(3, number // 10), (
        "all were refused for the same reason, so that nothing was tried"
    )
    assert not wrong, "\n".join([f"{len(wrong)} of {number} cases:", *wrong[:40]])
