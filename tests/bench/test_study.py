import random
import subprocess
import sys

from bench.study import draw
from prune.qa.questions import Question

QUESTIONS = [Question(str(index), "who", "a cat") for index in range(5)]


def test_a_draw_is_as_long_as_it_can_be() -> None:
    assert len(draw(random.Random(0), QUESTIONS, 3)) == 3
    everything = draw(random.Random(0), QUESTIONS, 500)
    assert sorted(question.id for question in everything) == ["0", "1", "2", "3", "4"]


def test_what_a_study_cannot_use_is_one_sentence_and_exit_2(tmp_path) -> None:
    absent = tmp_path / "absent.json"
    command = [sys.executable, "-m", "bench.methods", str(tmp_path), "--train", absent, "--dev", absent]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "There is no SQuAD file at" in done.stderr
