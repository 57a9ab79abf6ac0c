"""What all commands do alike: when the system speaks to them, when a stream fails, and when the fault is ours."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trellis.command import UNREAD
from trellis.printable import LONGEST

PROGRAM = """
import os, signal, sys, time
from trellis.command import end_cleanly_when_told_to

end_cleanly_when_told_to()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(0.1)
    print("went on")
finally:
    print("cleaned up")
"""


def ended(number: signal.Signals, *before: str) -> tuple[int, list[str]]:
    """Exit code and what was printed, whatever these tests themselves were started under."""
    done = subprocess.run(
        [*before, sys.executable, "-c", PROGRAM, str(int(number))],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    return done.returncode, done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_cleans_up_and_says_by_its_code_what_ended_it(number: signal.Signals) -> None:
    assert ended(number) == (128 + number, ["cleaned up"])


@pytest.mark.parametrize(
    ("package", "program"), [("prune_export", "prune-export"), ("bench", "bench"), ("answer", "answer")]
)
@pytest.mark.parametrize("arguments", [("",), ("model", "out.onnx", "--dev", ""), ("model", "--dev=")])
def test_what_is_empty_is_refused(package: str, program: str, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", f"from trellis.cli.{package}.command import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{program}: an argument")
    assert "is empty, as of a variable that is not set" in line


def test_under_nohup_it_goes_on_when_the_terminal_closes() -> None:
    assert ended(signal.SIGHUP, "nohup") == (0, ["went on", "cleaned up"])
    assert ended(signal.SIGTERM, "nohup") == (128 + signal.SIGTERM, ["cleaned up"])


COMMANDS = {"prune-export": "prune_export", "bench": "bench", "answer": "answer"}
"""Entry points by name."""

APP = r"""
import sys
from dataclasses import dataclass
from typing import Annotated
from rich.table import Table
from trellis.cli.command import Command
from trellis.cli.options import Group
from trellis.command import run
from trellis.options import Value
from trellis.terminal import Terminal

@dataclass(frozen=True)
class Wishes:
    what: Annotated[str, Value("WHAT")]

@dataclass(frozen=True)
class Numbers:
    number: int = 0

def main(wishes: Wishes, numbers: Numbers) -> int:
    what = wishes.what
    if what == "fault":
        {}["absent"]
    if what == "long":
        raise RuntimeError("much " * 4000)
    if what == "panic":
        raise BaseException("a library's own \x1b[31mpanic\nwith a second line")
    if what == "table":
        table = Table("λ → ×")
        table.add_row("\u202e\udcff \x1b]0;title\x07, which is the name of a file")
        Terminal().print(table)
    if what == "much":
        for _ in range(100_000):
            Terminal().print("a line")
    return 3 if what == "three" else 0

run("probe", Command("probe", main, (Group(Wishes, positional=True), Group(Numbers)), help=("",)))
"""


def probe(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of a command of ours that does as it is told."""
    done = subprocess.run(
        [sys.executable, "-c", APP, *arguments], capture_output=True, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode()


def test_a_fault_of_ours_is_one_sentence_and_exit_code_1() -> None:
    code, printed, said = probe("fault")
    assert (code, printed) == (1, "")
    assert said == (
        "probe: this is a fault of ours, not of what was asked (KeyError: 'absent'); please report it to the "
        "project's issue tracker, with the command and what it prints with ESPALIER_TRACEBACK=1.\n"
    )


def test_whoever_wants_it_sees_where_a_fault_happened() -> None:
    code, _, said = probe("fault", ESPALIER_TRACEBACK="1")
    assert code == 1
    assert said.startswith("Traceback (most recent call last):\n")
    assert "\nKeyError: 'absent'\n" in said
    assert said.splitlines()[-1].startswith("probe: this is a fault of ours")


def test_a_librarys_panic_is_a_fault_and_cannot_steer_the_terminal() -> None:
    code, _, said = probe("panic")
    assert code == 1
    assert "(BaseException: a library's own \\x1b[31mpanic)" in said
    assert len(said.splitlines()) == 1


def test_sentences_are_bounded_and_keep_both_ends() -> None:
    code, _, said = probe("long")
    assert code == 1
    assert len(said) <= LONGEST + len("probe: \n")
    assert said.startswith("probe: this is a fault of ours")
    assert said.endswith("ESPALIER_TRACEBACK=1.\n")


def test_other_exit_codes_pass() -> None:
    assert probe("three") == (3, "", "")
    assert probe("nothing") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Missing argument WHAT"),
        (("x", "--number"), "--number needs a value"),
        (("x", "--nonsense\x1b[1m"), "Unknown option: --nonsense\\x1b[1m"),
    ],
)
def test_what_is_no_argument_of_the_command_is_one_sentence(arguments: tuple[str, ...], why: str) -> None:
    code, printed, said = probe(*arguments)
    assert (code, printed) == (2, "")
    assert said.startswith(f"probe: {why}")
    assert said.endswith("; see probe --help.\n")
    assert said.removesuffix("\n").isprintable()


@pytest.mark.parametrize(
    ("environment", "shown"),
    [({"PYTHONIOENCODING": "utf-8"}, "λ → ×"), ({"PYTHONIOENCODING": "latin-1"}, "\\u03bb \\u2192 ×")],
)
def test_what_a_terminal_cannot_show_is_spelled_out(environment: dict[str, str], shown: str) -> None:
    code, printed, said = probe("table", **environment)
    assert (code, said) == (0, "")
    printed = printed.encode("latin-1").decode(environment["PYTHONIOENCODING"])
    assert shown in printed
    assert r"\x1b]0;title" in printed
    assert r"\u202e" in printed
    assert r"\udcff" in printed
    assert "\x1b" not in printed


def test_whoever_reads_may_leave() -> None:
    for number in ("much", "table"):  # in the midst, and before the first line
        with subprocess.Popen(
            [sys.executable, "-c", APP, number], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stderr
            if number == "much":
                process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read().decode() == f"probe: {UNREAD}\n"
            assert process.wait(30) == 2


@pytest.mark.parametrize(("command", "entry"), [*COMMANDS.items(), ("bench compare", "bench")])
def test_closed_streams(command: str, entry: str, tmp_path: Path) -> None:
    _, *more = command.split()
    program = f"from trellis.cli.entry import {entry}; {entry}()"
    for redirection, expected in (
        (">&-", f"{command.split()[0]}: standard output is closed; send it to a file, or to /dev/null.\n"),
        ("2>&-", ""),
        (">&- 2>&-", ""),
        ("<&- 2>&-", ""),
    ):
        done = subprocess.run(
            [
                "sh",
                "-c",
                f'exec "$@" {redirection}',
                "sh",
                sys.executable,
                "-c",
                program,
                *more,
                "no1",
                "no2",
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.replace("bench compare:", "bench:") == expected
    assert not list(tmp_path.iterdir())  # no stream's number went to a file


def test_a_full_disk_behind_standard_output_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", APP, "table"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("seconds", [0.1, 0.3])
@pytest.mark.parametrize("command", COMMANDS)
def test_interrupted_while_it_is_imported(command: str, seconds: float) -> None:
    """The program says when Python itself is up; what follows are our own imports."""
    entry = COMMANDS[command]
    program = f"import trellis.cli.entry, sys; print(flush=True); trellis.cli.entry.{entry}()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "no1", "no2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout
    process.stdout.readline()
    time.sleep(seconds / 10)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, f"{command}: interrupted.\n")


def test_what_ignores_interruptions_goes_on_ignoring_them() -> None:
    program = (
        "import signal, os\nfrom trellis.cli.entry import ends_at_once\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with ends_at_once('probe'): os.kill(os.getpid(), signal.SIGINT)\n"
        "print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize(
    ("command", "option"),
    [("prune-export", "--json"), ("prune-export", "--html"), ("answer", "--out"), ("bench", "--json")],
)
def test_links_that_lead_to_themselves(command: str, option: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    arguments = {
        "prune-export": ["./loop", "m.onnx"],
        "answer": ["loop", "--squad", "loop"],
        "bench": ["loop"],
    }[command]
    program = f"from trellis.cli.entry import {COMMANDS[command]} as main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, option, "loop"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr.splitlines()[-1]
        == f"{command}: {option} loop is a link that leads to itself; name a file."
    )


def test_what_does_not_load_is_one_sentence(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['numpy'] = None  # importing it now fails\n"
        "from trellis.cli.entry import answer\nanswer()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "a", "b"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("answer: what it consists of does not load (ModuleNotFoundError: ")
    assert len(done.stderr.splitlines()) == 1
