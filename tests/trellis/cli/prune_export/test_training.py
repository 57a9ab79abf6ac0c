"""prune-export with gates, with training after the cut, and with work that goes on where it was cut off."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from support import tiny
from support.commands import invoke
from support.html_tree import tree
from transformers import PreTrainedModel

from export.metadata import read_metadata
from prune.checkpoint import load, save
from prune.cut import shrink
from prune.families.layers import shape_of
from prune.methods.l0.hard_concrete import THRESHOLD
from prune.plan import Plan
from prune.shape import ModelShape
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.reading import write_squad
from trellis.cli.prune_export.command import COMMAND

SETTINGS = DecodingSettings(max_length=32, stride=8, max_question_length=8, max_answer_length=5)
THINGS = ("pear", "wall", "river", "gardener", "winter", "bridge", "sun", "stone")
USUAL = ("--mixed-precision", "no", "--batch-size", 8, "--dropout", 0, "--learning-rate", "1e-3")
CUT = ("--prune-heads", 0.5, "--prune-ffn", 0.25)
HALVED = ModelShape.from_dict({"num_heads": [1, 3], "intermediate_size": [9, 2]})


def questions() -> list[Question]:
    """Two questions on each of 16 contexts, one of them without an answer."""
    made = []
    for number in range(16):
        thing, other = THINGS[number % 8], THINGS[(number * 3 + 1) % 8]
        context = f"The old {thing} stood by the {other} in {1871 + number}."
        answers = (Answer(thing, context.index(thing)),)
        made += [
            Question(f"q{number}", "What stood there?", context, answers),
            Question(f"n{number}", "What fell there?", context),
        ]
    return made


@dataclass(frozen=True)
class Room:
    """A folder with a model, questions, and a place for what is written."""

    path: Path

    @property
    def out(self) -> Path:
        return self.path / "out" / "model.onnx"

    @property
    def work(self) -> Path:
        return self.path / "out" / "model.onnx.work"

    @property
    def train(self) -> Path:
        return self.path / "train.json"

    def call(self, *arguments: object, model: str = "model") -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        given = [self.path / model, self.out, *USUAL, *arguments]
        result = invoke(COMMAND, given)
        return result.exit_code, result.stdout, result.stderr

    def export(self, *arguments: object, model: str = "model") -> dict[str, Any]:
        """What a successful run found, its --json; of which the saved model lies in `saved`."""
        saved, found = self.path / "saved", self.path / "found.json"
        if saved.exists():
            saved.rename(self.path / f"saved-{len(list(self.path.iterdir()))}")
        code, _, said = self.call(*arguments, "--save-model", saved, "--json", found, model=model)
        assert code == 0, said
        read: dict[str, Any] = json.loads(found.read_bytes())
        return read

    def refuse(self, *arguments: object, says: str, model: str = "model") -> None:
        """One sentence, and nothing is trained or written."""
        before = sorted(self.path.rglob("*"))
        code, printed, said = self.call(*arguments, model=model)
        assert (code, printed) == (2, ""), said
        assert len(said.splitlines()) == 1, said
        assert says in said
        assert sorted(self.path.rglob("*")) == before

    def stage(self, name: str) -> list[Path]:
        return sorted(self.work.glob(f"{name}-*"), key=lambda path: path.stat().st_ctime_ns)

    @property
    def saved(self) -> PreTrainedModel:
        return load(self.path / "saved")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "out").mkdir()
    words = [text for question in questions() for text in (question.question, question.context)]
    beside = {DECODING_FILE: SETTINGS.to_dict()}
    save(tiny.model(seed=1), tiny.tokenizer(words), tmp_path / "model", beside=beside)
    write_squad(questions(), tmp_path / "train.json")
    return Room(tmp_path)


def gates_of(room: Room) -> dict[str, list[np.ndarray]]:
    """log α by kind, as the work folder has it."""
    found: dict[str, list[np.ndarray]] = {}
    for directory in room.stage("gates"):
        result = json.loads((directory / "done.json").read_bytes())["result"]
        found |= {kind: [np.array(layer) for layer in layers] for kind, layers in result["log_alpha"].items()}
    return found


def assert_equal_to_the_model(out: Path, model: PreTrainedModel) -> None:
    session = onnxruntime.InferenceSession(out)
    batch = tiny.batch_for(model, (20, 7, 1))
    ours = session.run(None, {name: tensor.numpy() for name, tensor in batch.items()})
    mask = batch["attention_mask"].numpy()
    np.testing.assert_allclose(np.stack(ours) * mask, tiny.logits(model, batch).numpy(), atol=1e-5)


def test_gates_remove_the_fractions_asked_for_by_the_lowest_of_them(room: Room) -> None:
    found = room.export("--method", "l0", "--train", room.train, *CUT)
    shape = ModelShape.from_dict(found["shape"])
    assert (shape.num_heads, shape.intermediate_size) == (4, 18)  # of 8 and 24
    assert shape == read_metadata(room.out).shape == shape_of(room.saved)
    log_alpha, plan = gates_of(room), Plan.from_dict(found["plan"])
    assert set(log_alpha) == {"heads", "intermediate"}
    for layers, kept in ((log_alpha["heads"], plan.heads), (log_alpha["intermediate"], plan.intermediate)):
        stay = [layer[list(units)] for layer, units in zip(layers, kept, strict=True)]
        go = [np.delete(layer, list(units)) for layer, units in zip(layers, kept, strict=True)]
        assert np.concatenate(stay).min() >= np.concatenate(go).max()
    assert [[entry["step"] for entry in gates["log"]] for gates in found["gates"]] == [[1, 2, 3, 4]] * 2
    assert [list(gates["log"][0]["removed"]) for gates in found["gates"]] == [["heads"], ["intermediate"]]
    assert found["provenance"]["method"] == "l0"
    assert_equal_to_the_model(room.out, room.saved)


LONG = ("--gate-epochs", 4, "--gate-learning-rate", 1)
"""Enough for gates to close where λ is large."""


@pytest.mark.parametrize("absolute", [False, True])
def test_λ_leaves_the_gates_that_are_likelier_open(room: Room, absolute: bool) -> None:
    weights = ("--lambda-heads", 0.05, "--lambda-ffn", 20) + (("--lambda-absolute",) if absolute else ())
    found = room.export("--method", "l0", "--train", room.train, *weights, *LONG)
    plan, log_alpha = Plan.from_dict(found["plan"]), gates_of(room)
    for kind, kept in (("heads", plan.heads), ("intermediate", plan.intermediate)):
        open_ones = [tuple(np.flatnonzero(layer > THRESHOLD).tolist()) for layer in log_alpha[kind]]
        assert open_ones == list(kept)
    assert plan.shape.num_heads > 0
    assert plan.shape.intermediate_size == 0
    first = [gates["log"][0]["weight"] for gates in found["gates"]]
    expected = (0.05, 20) if absolute else (0.05 * 0.72 / 8, 20 * 0.737 / 24)
    assert first == [
        {"heads": pytest.approx(expected[0])},
        {"intermediate": pytest.approx(expected[1])},
    ]
    assert first == [gates["log"][-1]["weight"] for gates in found["gates"]]


def test_gates_of_one_kind_leave_the_other_whole(room: Room) -> None:
    found = room.export("--method", "l0", "--train", room.train, "--prune-ffn", 0.5)
    assert found["shape"]["num_heads"] == [4, 4]
    assert sum(found["shape"]["intermediate_size"]) == 12
    assert [list(gates["log"][0]["removed"]) for gates in found["gates"]] == [["intermediate"]]
    assert len(room.stage("gates")) == 1


def test_a_fraction_of_one_kind_and_λ_of_the_other(room: Room) -> None:
    amounts = ("--prune-heads", 0.5, "--lambda-ffn", 1e3, *LONG)
    found = room.export("--method", "l0", "--train", room.train, *amounts)
    assert sum(found["shape"]["num_heads"]) == 4
    assert found["shape"]["intermediate_size"] == [0, 0]


def test_joint_gates_are_trained_once(room: Room) -> None:
    found = room.export("--method", "l0", "--train", room.train, *CUT, "--joint")
    (gates,) = found["gates"]
    assert list(gates["log"][0]["removed"]) == ["heads", "intermediate"]
    assert len(room.stage("gates")) == 1
    assert (sum(found["shape"]["num_heads"]), sum(found["shape"]["intermediate_size"])) == (4, 18)


@pytest.mark.parametrize("shape", [HALVED, ModelShape.uniform(2, 0, 12), ModelShape.uniform(2, 4, 0)])
def test_a_shape_is_filled_by_gates(room: Room, shape: ModelShape) -> None:
    (room.path / "shape.json").write_text(json.dumps(shape.to_dict()))
    wanted = ("--shape", room.path / "shape.json")
    found = room.export("--method", "l0", "--train", room.train, *wanted)
    assert found["shape"] == shape.to_dict()
    assert_equal_to_the_model(room.out, room.saved)


def test_a_share_of_the_data_trains_fewer_steps(room: Room) -> None:
    found = room.export("--method", "l0", "--train", room.train, *CUT, "--gate-share", 0.5)
    assert [len(gates["log"]) for gates in found["gates"]] == [2, 2]


def test_with_no_amount_gates_guide_the_search(room: Room) -> None:
    asked = ("--calibration", room.train, "--min-agreement", 30, "--multiple-of", 1)
    found = room.export("--method", "l0", "--train", room.train, *asked)
    search = found["search"]
    assert (search["scoring_questions"], search["checking_questions"]) == (0, 32)
    assert search["percent"] > 0
    assert len(found["gates"]) == 2
    assert found["gates"][0]["log"][-1]["step"] == 4


SHORT = ("--gate-epochs", 0.25, "--gate-learning-rate", "1e-6")
"""One step, in which no gate moves."""


@pytest.mark.parametrize("joint", [False, True])
def test_gates_that_hardly_closed_are_said_above_all_else(room: Room, joint: bool) -> None:
    page, dev = room.path / "page.html", ("--dev", room.train)
    wishes = ("--method", "l0", "--train", room.train, *CUT, *SHORT, *(("--joint",) if joint else ()), *dev)
    code, printed, said = room.call(*wishes, "--json", room.path / "found.json", "--html", page)
    assert code == 0, said
    found = json.loads((room.path / "found.json").read_bytes())
    closed = {kind: share for gates in found["gates"] for kind, share in gates["log"][-1]["removed"].items()}
    assert max(closed.values()) < 0.1
    expected = [
        f"The gates of {kind} closed {closed[key]:.0%}, and {wanted:.0%} was wanted: what is cut was hardly chosen "
        "by them. Train them on more data or for longer, or cut less."
        for kind, key, wanted in (
            ("heads", "heads", 0.5),
            ("feed-forward activations", "intermediate", 0.25),
        )
    ]
    assert found["warnings"][:2] == expected
    assert found["accuracy"]["figures"][0]["name"] == "F1 as served"
    assert printed.splitlines()[:2] == [f"WARNING: {each}" for each in expected]
    below_the_title = tree(page.read_text(encoding="utf-8")).one("body").all("p")
    assert [each.text for each in below_the_title[:2]] == [f"Warning: {each}" for each in expected]
    shown = tree(page.read_text(encoding="utf-8")).one("body").text
    assert shown.index(expected[-1]) < shown.index("activations removed.") < shown.index("F1 as served")


def test_questions_that_were_not_trained_on_are_counted(room: Room) -> None:
    document = json.loads(room.train.read_bytes())
    document["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] += 1
    room.train.write_text(json.dumps(document))
    wishes = ("--train", room.train, "--prune-ffn", 0.5)
    code, printed, said = room.call(*wishes, "--json", room.path / "found.json")
    assert code == 0, said
    expected = "1 of 32 questions cannot be trained on, the first is 'q0': "
    (line,) = [each for each in printed.splitlines() if each.startswith("Of --train ")]
    skipped = json.loads((room.path / "found.json").read_bytes())["train_skipped"]
    assert skipped.startswith(expected)
    assert line == f"Of --train {skipped}"

    write_squad(questions(), room.train)
    code, printed, said = room.call(*wishes, "--json", room.path / "found.json")
    assert code == 0, said
    assert "Of --train" not in printed
    assert json.loads((room.path / "found.json").read_bytes())["train_skipped"] is None


def test_a_plan_keeps_the_very_same_units(room: Room) -> None:
    first = room.export("--method", "l0", "--train", room.train, *CUT)
    ours = room.saved
    (room.path / "plan.json").write_text(json.dumps(first))
    second = room.export("--plan", room.path / "plan.json")
    assert second["plan"] == first["plan"]
    assert tiny.same_weights(room.saved, ours)
    assert second["provenance"]["method"] == "plan"
    (room.path / "plan.json").write_text(json.dumps(first["plan"]))  # by itself
    assert room.export("--plan", room.path / "plan.json")["plan"] == first["plan"]


PLANS: dict[str, tuple[Any, str]] = {
    "other layers": ({"heads": [[0]], "intermediate": [[0]]}, "is a plan for 1 layers; model has 2."),
    "other units": ({"heads": [[0], [4]], "intermediate": [[], []]}, "heads in layer 1 that are not among"),
    "nothing cut": ({"plan": None, "format": 1}, "is of a run that cut nothing; export with --no-prune"),
    "no plan": ({"num_heads": [1, 1]}, "A plan has 'heads' and 'intermediate'"),
    "a list": ([1], "A plan has 'heads' and 'intermediate'"),
}


@pytest.mark.parametrize(("plan", "says"), PLANS.values(), ids=PLANS)
def test_a_plan_for_another_model_is_refused(room: Room, plan: Any, says: str) -> None:
    (room.path / "plan.json").write_text(json.dumps(plan))
    wanted = ("--plan", room.path / "plan.json", "--train", room.train, "--retrain", 1)
    room.refuse(*wanted, says=says)
    room.refuse(*wanted, "--dry-run", says=says)


@pytest.mark.parametrize(
    "training", [("--retrain", 2), ("--distill", 2), ("--distill", 1, "--task-weight", 0.5)]
)
def test_training_changes_the_weights_and_nothing_of_the_shape(
    room: Room, training: tuple[object, ...]
) -> None:
    (room.path / "plan.json").write_text(json.dumps(tiny.UNEVEN.to_dict()))
    plan = ("--plan", room.path / "plan.json", "--train", room.train)
    room.export(*plan)
    before = room.saved
    found = room.export(*plan, *training)
    after = room.saved
    assert shape_of(after) == shape_of(before) == tiny.UNEVEN.shape == read_metadata(room.out).shape
    changed = [
        name
        for name, weight in after.state_dict().items()
        if weight.numel() and not torch.equal(weight, before.state_dict()[name])
    ]
    assert len(changed) > 20
    assert found["training"]["steps"] == 4 * training[1]
    provenance = read_metadata(room.out).provenance
    assert (provenance["training"], provenance["epochs"]) == (str(training[0])[2:], training[1])
    assert found["parity"]["max_relative"] <= found["parity"]["tolerance"]
    assert_equal_to_the_model(room.out, after)


def test_distilling_brings_the_cut_model_nearer_to_the_uncut_one(room: Room) -> None:
    (room.path / "plan.json").write_text(json.dumps(tiny.UNEVEN.to_dict()))
    plan = ("--plan", room.path / "plan.json", "--train", room.train)
    whole = load(room.path / "model")
    batch = tiny.batch_for(whole, (20, 20, 20, 20))

    def distance() -> float:
        return float((tiny.logits(room.saved, batch) - tiny.logits(whole, batch)).square().mean())

    room.export(*plan)
    before = distance()
    found = room.export(*plan, "--distill", 4, "--learning-rate", "5e-3")
    assert found["training"]["log"][-1]["eval_loss"] < found["training"]["log"][0]["loss"]
    assert distance() < before


def test_the_uncut_model_can_be_trained_on(room: Room) -> None:
    found = room.export("--no-prune", "--train", room.train, "--retrain", 1)
    assert found["plan"] is None
    assert shape_of(room.saved) == tiny.WHOLE
    assert not tiny.same_weights(room.saved, load(room.path / "model"))
    assert found["provenance"]["training"] == "retrain"
    assert "method" not in found["provenance"]
    assert_equal_to_the_model(room.out, room.saved)


@pytest.mark.slow
def test_a_cut_model_can_be_trained_on_and_is_not_its_own_teacher(room: Room) -> None:
    save(
        shrink(load(room.path / "model"), tiny.UNEVEN),
        load_tokenizer_of(room),
        room.path / "cut",
        beside={DECODING_FILE: SETTINGS.to_dict()},
    )
    found = room.export("--train", room.train, "--retrain", 1, model="cut")
    assert found["how"] == "the model is already cut and is exported as it is"
    assert shape_of(room.saved) == tiny.UNEVEN.shape
    assert found["training"]["steps"] == 4
    itself = ("--train", room.train, "--distill", 1)
    room.refuse(
        *itself, model="cut", says="would learn from itself; name another --teacher, or use --retrain."
    )
    room.export(*itself, "--teacher", room.path / "model", model="cut")


def load_tokenizer_of(room: Room) -> Any:
    from prune.checkpoint import load_tokenizer
    from prune.source import open_source

    return load_tokenizer(room.path / "model", open_source(str(room.path / "model")).encoder)


def test_a_search_that_cuts_nothing_leaves_nothing_to_distill(room: Room) -> None:
    wishes = ("--train", room.train, "--calibration", room.train, "--min-agreement", 100, "--multiple-of", 12)
    code, printed, said = room.call(*wishes, "--distill", 1)
    assert (code, printed) == (2, "")
    assert "no cut keeps 100 % agreement" in said.splitlines()[-1]
    assert "say how much is to go" in said.splitlines()[-1]
    assert not room.out.exists()


@pytest.mark.slow
def test_another_teacher_with_the_same_words_teaches(room: Room) -> None:
    wide = tiny.model(shape=ModelShape.uniform(3, 4, 20), seed=4)
    save(wide, load_tokenizer_of(room), room.path / "teacher")
    asked = (*CUT, "--method", "random", "--train", room.train, "--distill", 1)
    room.export(*asked)
    ours = room.saved
    room.export(*asked, "--teacher", room.path / "teacher")
    assert not tiny.same_weights(room.saved, ours)
    code, _, said = room.call(*asked, "--teacher", room.path / "teacher", "--hidden-weight", 1)
    assert code == 2
    assert "set --hidden-weight to 0." in said.splitlines()[-1]


def test_a_teacher_with_other_words_is_refused_before_anything_long(room: Room) -> None:
    save(tiny.model(), tiny.tokenizer(["other words"]), room.path / "teacher")
    asked = (
        "--method",
        "l0",
        *CUT,
        "--train",
        room.train,
        "--distill",
        1,
        "--teacher",
        room.path / "teacher",
    )
    room.refuse(*asked, says="The teacher teacher has another vocabulary than model")
    room.refuse(*asked, "--dry-run", says="another vocabulary")
    room.refuse(*asked[:-1], room.path / "nobody", says="There is no directory")
    room.refuse(*asked[:-2], "--mixed-precision", "fp16", says="give --mixed-precision auto")


ALL = ("--method", "l0", *CUT, "--distill", 2, "--task-weight", 0.3)


def test_a_second_run_trains_nothing_and_writes_the_same_bytes(room: Room) -> None:
    asked = (*ALL, "--train", room.train, "--dev", room.train)
    first, data = room.export(*asked), room.out.read_bytes()
    before = {path: path.stat().st_mtime_ns for path in room.work.rglob("*")}
    assert len(room.stage("windows")) == len(room.stage("training")) == 1
    assert len(room.stage("gates")) == len(room.stage("answers")) == 2
    second = room.export(*asked)
    assert {path: path.stat().st_mtime_ns for path in room.work.rglob("*")} == before
    assert room.out.read_bytes() == data
    assert second | {"seconds": 0} == first | {"seconds": 0}


@pytest.mark.slow
def test_stages_that_do_not_depend_on_what_changed_are_used_again(room: Room) -> None:
    asked = (*ALL, "--train", room.train)
    room.export(*asked)
    room.export(*asked, "--temperature", 3)  # of distilling; gates follow the annotated answers all the same
    room.export("--method", "l0", "--prune-heads", 0.25, "--prune-ffn", 0.25, "--train", room.train)
    counts = {name: len(room.stage(name)) for name in ("windows", "gates", "training")}
    assert counts["windows"] == 1
    assert counts["training"] == 2
    room.export(*asked, "--seed", 1)
    assert len(room.stage("windows")) == 1
    assert len(room.stage("gates")) == counts["gates"] + 2
    assert len(room.stage("training")) == 3


def test_what_is_said_goes_to_stderr_and_what_was_found_to_stdout(room: Room) -> None:
    code, printed, said = room.call(*ALL, "--train", room.train, "--dev", room.train)
    assert code == 0
    stages = [line.partition(":")[0].partition(" (")[0] for line in said.splitlines()]
    assert list(dict.fromkeys(stages)) == [  # on a busy machine one may be told again
        "cutting the training data into windows",
        "training gates of heads",
        "training gates of feed-forward activations",
        "distilling",
        "answering as it came",
        "answering as it became",
        "writing and checking the graph",
    ]
    assert "Removed 50.0% of heads and 25.0% of feed-forward activations." in printed
    assert "Trained for 8 steps" in printed
    assert "distilling" not in printed


def test_dry_run_with_everything_writes_nothing(room: Room) -> None:
    before = sorted(room.path.rglob("*"))
    code, printed, said = room.call(*ALL, "--train", room.train, "--dev", room.train, "--dry-run")
    assert (code, said) == (0, "")
    assert "Heads 8 → 4, feed-forward activations 24 → 18." in printed
    assert "Then distilled, 2 times over the training data." in printed
    assert "Time: " in printed
    code, printed, _ = room.call("--method", "l0", "--lambda-heads", 1, "--train", room.train, "--dry-run")
    assert code == 0
    assert "only training can say" in printed
    assert sorted(room.path.rglob("*")) == before


def test_json_says_everything(room: Room) -> None:
    found = room.export(*ALL, "--train", room.train, "--dev", room.train)
    assert found["format"] == 2
    assert set(found["gates"][0]["log"][0]) == {"step", "loss", "removed", "weight", "learning_rate"}
    assert set(found["training"]) == {"steps", "seconds", "best_step", "log"}
    assert found["training"]["steps"] == 8
    assert found["training"]["best_step"] in {
        entry["step"] for entry in found["training"]["log"] if entry["eval_loss"] is not None
    }
    assert found["accuracy"]["after"]["score"]["total"] == 32
    served = found["accuracy"]["figures"][0]
    assert (served["name"], served["questions"]) == ("F1 as served", 32)
    assert served["change"]["mean_difference"] == pytest.approx(served["after"] - served["before"])
    assert found["warnings"][-len(found["accuracy"]["warnings"]) :] == found["accuracy"]["warnings"]
    assert found["how"] == "removed what was asked for"
    assert found["original_shape"] == tiny.WHOLE.to_dict()
