"""The command `bench`: reads what was asked, has it measured, prints, and answers with an exit code."""

import sys

from bench.options import Engines, Limits, OperatingPoints, Questions
from bench.workload import Effort
from trellis.cli.bench.options import Against, Candidates, Forms, Instead
from trellis.cli.command import Command
from trellis.cli.doctor import findings, installed_versions, sentences
from trellis.cli.entry import loading
from trellis.cli.options import Group
from trellis.command import end_cleanly_when_told_to
from trellis.command import run as run_command
from trellis.errors import InputError
from trellis.terminal import Terminal, say

_NAME = "bench"

_HELP = (
    "Measure how much faster a pruned question-answering model is than the unpruned one.",
    "MODEL is an .onnx file that prune-export wrote, its folder, or a model directory. It is compared with --baseline "
    "or, without that, with its unpruned twin: the file's metadata holds the shape, and latency does not depend on the "
    "weights, so random ones serve. Without MODEL, BERT-base at the operating point of McCarley et al. (53 % of "
    "heads, 65 % of activations removed) is compared with the whole BERT-base.",
    "Each engine runs in a process of its own. The two take turns, A B B A, the idle one stopped, and the speed-up is "
    "the ratio of neighbouring turns, over several launches, with its 95 % interval. After five launches it is decided "
    "how many more the interval needs to be as narrow as --precision-goal, as far as the time goes (--max-time).",
    "bench compare OLD.json NEW.json says what changed between two results.",
)

_EXAMPLES = (
    ("the paper's operating point", "--batch 16 --seq 384"),
    ("a file against its unpruned twin, at four operating points", "out.onnx --batch 1,16 --seq 128,384"),
    ("speed and F1 of both", "out.onnx --baseline model_dir --dev dev-v2.0.json"),
    ("in CI: exit 1 where slower than wanted", "out.onnx --min-speedup 1.8"),
    ("everything, raw samples included", "out.onnx --json result.json"),
    ("a sweep", "--precision fp32,int8 --runtime onnxruntime,openvino --threads 1,2"),
    ("questions of unequal lengths, four clients", "out.onnx --lengths dev.json --clients 4"),
    ("a model directory, in PyTorch", "model_dir --runtime torch"),
    ("what is wrong with this installation", "--doctor"),
)

_EXIT_CODES = (
    "0 measured and every limit met; 1 a limit missed, or a fault found by --doctor; "
    "2 the request cannot be served as given; 3 an engine's process ended by itself; 130 interrupted."
)


def bench(
    candidates: Candidates,
    against: Against,
    points: OperatingPoints,
    engines: Engines,
    effort: Effort,
    questions: Questions,
    limits: Limits,
    forms: Forms,
    instead: Instead,
) -> int:
    """Have the models measured, and say what was found; the exit code."""
    end_cleanly_when_told_to()
    errors = Terminal(stderr=True)
    if instead.doctor:
        return _doctor()
    with loading(_NAME):  # --help and what is refused at once need none of it
        from bench.measure.engine_process import WorkerDiedError
        from trellis.cli.bench.measuring import measured
    try:
        return measured(
            candidates.models, against.baseline, points, engines, effort, questions, limits, forms, errors
        )
    except InputError as error:
        return max(say(errors, _NAME, sentence, 2) for sentence in sentences(error, COMMAND.flags))
    except WorkerDiedError as error:
        return say(errors, _NAME, str(error), 3)
    except BrokenPipeError:
        raise
    except OSError as error:
        return say(errors, _NAME, f"the system refused what was needed: {error}; nothing was kept.", 2)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        return say(
            errors, _NAME, f"not enough memory{what}; close other programs, or give a smaller model.", 2
        )
    except KeyboardInterrupt:
        return say(errors, _NAME, "interrupted; nothing was kept.", 130)


def _doctor() -> int:
    """One line for each fault; exit code 1 where there is any."""
    faults = list(findings(installed_versions()))
    for fault in faults or ["Nothing is wrong with this installation."]:
        print(fault)
    return 1 if faults else 0


COMMAND = Command(
    _NAME,
    bench,
    (
        Group(Candidates, positional=True),
        Group(Against),
        Group(OperatingPoints),
        Group(Engines),
        Group(
            Effort,
            flags={"goal": "--precision-goal"},
            only=("goal", "max_time", "launches", "blocks"),
        ),
        Group(Questions),
        Group(Limits),
        Group(Forms),
        Group(Instead),
    ),
    help=_HELP,
    examples=_EXAMPLES,
    exit_codes=_EXIT_CODES,
)


def main() -> None:
    """Entry point of the command; what is called compare is no model but the other thing it does."""
    if sys.argv[1:2] == ["compare"]:
        with loading(_NAME):
            from trellis.cli.bench.compare_command import COMMAND as COMPARE
        run_command(COMPARE.name, COMPARE, sys.argv[2:])
    run_command(_NAME, COMMAND)
