"""The long stages on a tiny model: found again where nothing changed, made anew where anything did."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from prune.cut import shrink
from prune.loaded_model import LoadedModel
from prune.methods.batches import training_batches
from prune.methods.gain.gradients import gain_scores
from prune.methods.gain.method import gains
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.ranking import trained_gates
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.training import TrainedGates
from prune.plan import Plan, Scores
from prune.stages import TrainingWindows, continued_training, model_answers, stored_windows
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.squad.task import SquadExam, SquadTraining
from prune.tasks.question_answering.windows import make_windows
from prune.train.settings import TrainingSettings
from prune.work import Work, open_work
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=6, max_answer_length=5)
GATES = GateSettings(epochs=3, batch_size=8, seed=1)
TRAINING = TrainingSettings(
    epochs=1, batch_size=8, learning_rate=1e-3, held_out=0.2, save_every=None, mixed_precision="no"
)
PENALTIES: dict[Any, Penalty] = {"heads": Penalty(0.01, target=0.5)}
_THINGS = ("pear", "wall", "river", "gardener", "winter", "bridge", "sun", "stone")


def _questions() -> list[Question]:
    made = []
    for number, thing in enumerate(_THINGS):
        context = f"The old {thing} stood by the {_THINGS[number - 3]} ."
        for answer in (thing, _THINGS[number - 3]):
            made.append(
                Question(str(len(made)), "What stood ?", context, (Answer(answer, context.index(answer)),))
            )
    return made


QUESTIONS = _questions()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny.tokenizer([text for question in QUESTIONS for text in (question.question, question.context)])


@pytest.fixture
def subject(tokenizer: PreTrainedTokenizerFast) -> LoadedModel:
    return tiny.subject(tiny.model(seed=1), tokenizer, SETTINGS)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    with open_work(tmp_path / "work") as work:
        yield work


class Told:
    """Counts what progress told: nothing where a stage was found."""

    def __init__(self) -> None:
        self.last: dict[str, tuple[int, int]] = {}
        self.calls = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls += 1
        self.last[what.partition(" (")[0]] = (done, total)


@dataclass(frozen=True)
class Road:
    """A subject in a work folder; each method is one stage with usual arguments."""

    work: Work
    subject: LoadedModel

    def windows(self, told: Told | None = None, **changes: Any) -> TrainingWindows:
        questions = changes.pop("questions", QUESTIONS)
        settings = replace(SETTINGS, **changes)
        return stored_windows(self.work, SquadTraining(questions), self.subject, settings, told or Told())

    def gates(
        self,
        told: Told | None = None,
        *,
        subject: LoadedModel | None = None,
        windows: TrainingWindows | None = None,
        penalties: dict[Any, Penalty] | None = None,
        settings: GateSettings = GATES,
        precision: str = "no",
    ) -> TrainedGates:
        return trained_gates(
            self.work,
            subject or self.subject,
            windows or self.windows(),
            penalties or PENALTIES,
            settings,
            precision,
            told or Told(),
        )

    def train(
        self,
        model: PreTrainedModel,
        told: Told | None = None,
        *,
        windows: TrainingWindows | None = None,
        teacher: PreTrainedModel | None = None,
        settings: TrainingSettings = TRAINING,
    ) -> dict[str, Any]:
        return continued_training(
            self.work, model, self.subject, windows or self.windows(), settings, teacher, told or Told()
        )

    def folders(self, stage: str) -> int:
        return len(list(self.work.root.glob(f"{stage}-*")))


@pytest.fixture
def road(work: Work, subject: LoadedModel) -> Road:
    return Road(work, subject)


def cut() -> PreTrainedModel:
    return shrink(tiny.model(seed=1), tiny.UNEVEN)


def test_windows_are_those_of_the_data_and_cut_once(road: Road) -> None:
    told = Told()
    windows = road.windows(told)
    expected = make_windows(QUESTIONS, road.subject.tokenizer, max_length=24, stride=4, max_question_length=6)
    ours = windows.stored.batch(range(len(windows.stored)), 0)
    for row, window in enumerate(expected):
        np.testing.assert_array_equal(ours.input_ids[row, : len(window.input_ids)], window.input_ids)
        assert [labels[row] for labels in ours.labels.values()] == [
            window.start_position,
            window.end_position,
        ]
    assert len(windows.stored) == len(expected)
    assert told.calls == 1
    assert road.windows(told).key == windows.key
    assert told.calls == 1


def test_other_windows_have_another_name(road: Road, tokenizer: PreTrainedTokenizerFast) -> None:
    lower = tiny.tokenizer(["What stood"])
    others = [
        road.windows(),
        road.windows(max_length=23),
        road.windows(stride=3),
        road.windows(max_question_length=5),
        road.windows(questions=QUESTIONS[1:]),
        Road(road.work, replace(road.subject, tokenizer=lower)).windows(),
    ]
    assert len({windows.key for windows in others}) == len(others) == road.folders("windows")
    assert road.windows(max_answer_length=3).key == others[0].key  # of answering, not of cutting
    assert road.windows(null_threshold=1.0).key == others[0].key


def test_a_share_is_of_whole_contexts_and_named_after_its_draw(road: Road) -> None:
    windows = road.windows()
    assert windows.share(1, seed=3) is windows
    half, same, other = (windows.share(0.5, seed) for seed in (3, 3, 4))
    assert (half.key, half.stored.groups.tolist()) == (same.key, same.stored.groups.tolist())
    assert half.stored.groups.tolist() != other.stored.groups.tolist()
    assert len({windows.key, half.key, other.key, windows.share(0.25, 3).key}) == 4
    kept = set(half.stored.groups.tolist())
    assert len(kept) == 4  # of 8
    assert len(half.stored) == sum(group in kept for group in windows.stored.groups.tolist())


def test_gates_are_trained_once_and_come_back_to_the_bit(road: Road) -> None:
    told, again = Told(), Told()
    first = road.gates(told)
    assert told.last == {"training gates of heads": (6, 6)}
    second = road.gates(again)
    assert again.calls == 0
    assert (second.log, second.seconds_per_step) == (first.log, first.seconds_per_step)
    for ours, theirs in zip(first.log_alpha["heads"], second.log_alpha["heads"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert list(second.log_alpha) == ["heads"]


def test_whatever_gates_depend_on_makes_other_gates(road: Road, tokenizer: PreTrainedTokenizerFast) -> None:
    weight = tiny.model(seed=1)
    weight.qa_outputs.bias.data[0] += 1e-6
    changes: list[dict[str, Any]] = [
        {},
        {"subject": tiny.subject(weight, tokenizer, SETTINGS)},
        {"windows": road.windows(stride=3)},
        {"windows": road.windows().share(0.5, 0)},
        {"penalties": {"heads": Penalty(0.01, target=0.4)}},
        {"penalties": {"heads": Penalty(0.01)}},
        {"penalties": {"intermediate": Penalty(0.01, target=0.5)}},
        {"penalties": PENALTIES | {"intermediate": Penalty(0.01, target=0.5)}},
        {"settings": replace(GATES, seed=2)},
        {"settings": replace(GATES, micro_batch_size=4)},
        {"settings": replace(GATES, distill=True)},
        {"precision": "bf16"},
    ]
    for number, change in enumerate(changes, 1):
        told = Told()
        road.gates(told, **change)
        assert (told.calls, road.folders("gates")) == (told.last.popitem()[1][1], number)


def test_training_is_done_once_and_gives_the_same_weights(road: Road) -> None:
    told, again = Told(), Told()
    model, other = cut(), cut()
    found = road.train(model, told)
    assert not tiny.same_weights(model, cut())
    assert told.last == {"retraining": (found["steps"], found["steps"])}
    assert road.train(other, again) == found
    assert again.calls == 0
    assert tiny.same_weights(model, other)
    (directory,) = road.work.root.glob("training-*")
    assert {path.name for path in directory.iterdir()} == {"inputs.json", "model.safetensors", "done.json"}


@pytest.mark.slow
def test_whatever_training_depends_on_makes_another_run(road: Road) -> None:
    changes: list[tuple[PreTrainedModel, dict[str, Any]]] = [
        (cut(), {}),
        (shrink(tiny.model(seed=1), tiny.without(tiny.model(), heads={(0, 0)}, intermediate=set())), {}),
        (cut(), {"windows": road.windows(stride=3)}),
        (cut(), {"teacher": tiny.model(seed=1)}),
        (cut(), {"teacher": tiny.model(seed=2)}),
        (cut(), {"settings": replace(TRAINING, learning_rate=2e-3)}),
        (cut(), {"settings": replace(TRAINING, dropout=0.0)}),
        (cut(), {"settings": replace(TRAINING, mixed_precision="bf16")}),
    ]
    for number, (model, change) in enumerate(changes, 1):
        road.train(model, **change)
        assert road.folders("training") == number
    road.train(cut(), settings=replace(TRAINING, mixed_precision="auto"))  # comes to what the device has
    assert road.folders("training") in (len(changes), len(changes) + 1)


def test_killed_before_its_marker_training_is_not_repeated(road: Road, tmp_path: Path) -> None:
    straight, killed = cut(), cut()
    with open_work(tmp_path / "straight") as work:
        Road(work, road.subject).train(straight)
    windows = road.windows()
    in_a_child_killed_at_its_end(lambda: road.train(killed, windows=windows))
    (directory,) = road.work.root.glob("training-*")
    assert not (directory / "done.json").exists()
    told = Told()
    road.train(killed, told)
    assert told.calls == 0  # all steps were made
    assert tiny.same_weights(straight, killed)
    assert not (directory / "checkpoints").exists()


def in_a_child_killed_at_its_end(train: Callable[[], object]) -> None:
    """Call `train` in a process that is killed where a stage's marker would be written."""
    import prune.work

    if not (child := os.fork()):

        def kill(*_: Any) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        prune.work.write_note = kill
        train()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def test_gains_are_scored_once_and_come_back_to_the_bit(road: Road) -> None:
    data, told = SquadTraining(QUESTIONS), Told()

    def scored(**changes: Any) -> Scores:
        usual = {"data": data, "subject": road.subject, "num_questions": 6, "seed": 3, "progress": told}
        return gains(road.work, **(usual | changes))

    first = scored()
    calls = told.calls
    sample = data.sample(6, 3, road.subject.tokenizer, SETTINGS)
    model = road.subject.model
    expected = gain_scores(model, training_batches(model, sample, pad_token_id=0))
    for again in (first, scored()):
        for kind in ("heads", "intermediate"):
            for ours, theirs in zip(getattr(again, kind), getattr(expected, kind), strict=True):
                np.testing.assert_array_equal(ours, theirs)
                assert ours.dtype == np.float64
    assert told.calls == calls
    scored(seed=4)
    scored(num_questions=0)
    scored(data=SquadTraining(QUESTIONS[1:]))
    scored(subject=replace(road.subject, model=tiny.model(seed=2)))
    assert road.folders("gains") == 5


def test_answers_are_asked_once_for_each_model(road: Road) -> None:
    exam, told = SquadExam(QUESTIONS), Told()

    def ask(model: PreTrainedModel, exam: SquadExam = exam, **changes: Any) -> list[Any]:
        asking = replace(road.subject, settings=replace(SETTINGS, **changes))
        return model_answers(road.work, exam, asking, model, "answering", told)

    first = ask(road.subject.model)
    calls = told.calls
    assert first == road.subject.answer(QUESTIONS)
    assert ask(tiny.model(seed=1)) == first
    assert told.calls == calls
    assert ask(cut()) == road.subject.answer(QUESTIONS, cut())
    ask(cut(), max_answer_length=3)
    ask(cut(), SquadExam(QUESTIONS[1:]))
    assert road.folders("answers") == 4


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _other_names(path: Path) -> None:
    path.write_text('[{"id": "q0"}]')


DAMAGES: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "windows": ("windows", "windows/windows.arrow", _halve),
    "no windows": ("windows", "windows/windows.arrow", Path.unlink),
    "gates": ("gates", "done.json", lambda path: path.write_text('{"result": {"log": []}}') and None),
    "weights": ("training", "model.safetensors", _halve),
    "no weights": ("training", "model.safetensors", Path.unlink),
    "answers": ("answers", "answers.json", _halve),
    "other answers": ("answers", "answers.json", _other_names),
}


@pytest.mark.parametrize(("stage", "name", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_stage_is_made_again_and_that_is_said(
    tmp_path: Path, subject: LoadedModel, stage: str, name: str, damage: Callable[[Path], None]
) -> None:
    said: list[str] = []
    with open_work(tmp_path / "work", said.append) as work:
        road = Road(work, subject)
        models: list[PreTrainedModel] = []
        stages: dict[str, Callable[[], object]] = {
            "windows": road.windows,
            "gates": road.gates,
            "training": lambda: models.append(cut()) or road.train(models[-1]),
            "answers": lambda: model_answers(
                work, SquadExam(QUESTIONS), subject, subject.model, "answering", Told()
            ),
        }
        stages[stage]()
        (directory,) = work.root.glob(f"{stage}-*")
        before = (directory / name).read_bytes() if stage in ("training", "answers", "windows") else None
        damage(directory / name)
        stages[stage]()
    assert said == [f"{name} in {directory.name} is not as it was left; that stage is made again"]
    assert before in (None, (directory / name).read_bytes())
    if models:
        assert tiny.same_weights(*models)


def test_a_damaged_state_is_not_gone_on_from(tmp_path: Path, subject: LoadedModel) -> None:
    said: list[str] = []
    with open_work(tmp_path / "work", said.append) as work:
        road = Road(work, subject)
        first = road.gates()
        (directory,) = work.root.glob("gates-*")
        (directory / "done.json").unlink()
        _halve(directory / "gates.safetensors")
        assert road.gates().to_dict()["log"] == first.to_dict()["log"]
    assert said == [f"gates.safetensors in {directory.name} was damaged and is left out"]


@pytest.mark.parametrize("stage", ["gates", "weights", "optimizer"])
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(road: Road, stage: str) -> None:
    windows = road.windows()
    most = {"gates": 3000, "weights": 20_000, "optimizer": 60_000}[stage]  # bytes; the weights are 40,000
    many = replace(GATES, epochs=30)
    with files_of_at_most(most), pytest.raises(InputError, match="Nothing more can be written to") as caught:
        road.gates(windows=windows, settings=many) if stage == "gates" else road.train(cut(), windows=windows)
    assert "make room, and the same command goes on from here" in str(caught.value)
    assert "\n" not in str(caught.value)
    road.gates(settings=many) if stage == "gates" else road.train(cut())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes within."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_uncut_model_is_left_alone(road: Road) -> None:
    before = tiny.model(seed=1)
    road.gates()
    road.train(cut(), teacher=road.subject.model)
    model_answers(road.work, SquadExam(QUESTIONS), road.subject, road.subject.model, "answering", Told())
    assert tiny.same_weights(road.subject.model, before)


def test_nothing_left_can_be_trained_all_the_same(road: Road) -> None:
    empty = shrink(tiny.model(seed=1), Plan(((), ()), ((), ())))
    road.train(empty)
    again = shrink(tiny.model(seed=1), Plan(((), ()), ((), ())))
    road.train(again)
    assert tiny.same_weights(empty, again)
