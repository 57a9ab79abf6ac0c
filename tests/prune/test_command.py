"""What both commands do when the system speaks to them."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from prune.command import end_cleanly_when_told_to

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
    ("package", "program"), [("export", "prune-export"), ("bench", "bench"), ("answer", "answer")]
)
@pytest.mark.parametrize("arguments", [("",), ("model", "out.onnx", "--dev", ""), ("model", "--dev=")])
def test_what_is_empty_is_refused(package: str, program: str, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", f"from {package}.cli import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{program}: an argument")
    assert "is empty, as of a variable that is not set" in line


def test_under_nohup_it_goes_on_when_the_terminal_closes() -> None:
    assert ended(signal.SIGHUP, "nohup") == (0, ["went on", "cleaned up"])
    assert ended(signal.SIGTERM, "nohup") == (128 + signal.SIGTERM, ["cleaned up"])
