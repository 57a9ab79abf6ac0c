"""What holds of every task, a new one included: what it says of its models is so, all that is made of a model
computes the same, gated, cut, saved and loaded again, and in each dialect of the graph; and its models learn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support import tiny, toy_tags, toy_task, training
from support.graphs import (
    DIALECTS,
    assert_equal_logits,
    graph_of,
    inputs_of,
    onnx_logits,
    onnx_session,
    torch_logits,
)
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import prune
from answer import open_answerer
from export.graph.build import build_graph
from export.graph.precision.dynamic import quantize_dynamic
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.metadata import Metadata, read_metadata, stamp
from export.parity import check_parity
from export.ports import output_names, output_shape
from prune.checkpoint import random_model, save
from prune.cost import multiply_adds, parameters
from prune.cut import shrink
from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.families.tensors import tensors_of
from prune.gates import GatedModel
from prune.loaded_model import open_model
from prune.methods import method_named
from prune.methods.batches import tensors_of as batch_tensors_of
from prune.methods.gain.gradients import gain_scores
from prune.methods.job import Job
from prune.plan import Plan, keep_all
from prune.search.by_agreement import LARGEST_PERCENT, ByAgreement
from prune.search.extent import Choice
from prune.tasks import TASKS, task_of, task_of_class
from prune.tasks.examples import Examples
from prune.tasks.learning import learning_of
from prune.tasks.own_answers import own_answers_of
from prune.train.settings import TrainingSettings
from prune.train.trainer import train
from prune.work import open_work
from trellis.errors import InputError

LABELLED: dict[str, Callable[..., dict[str, Tensor]]] = {
    "question-answering": tiny.labelled,
    toy_task.TOY.name: toy_task.with_moods,
    toy_tags.TAGS.name: toy_tags.labelled,
}
"""Batches with labels, by task."""
EXAMPLES: dict[str, Callable[[int], Examples]] = {
    "question-answering": training.windows,
    toy_task.TOY.name: lambda count: toy_task.Texts.of(count, vocab_size=tiny.VOCAB_SIZE),
    toy_tags.TAGS.name: lambda count: toy_tags.Tagged.of(count, vocab_size=20),
}
"""Examples that a small model can learn, by task."""

every_task = pytest.mark.parametrize("task", [*TASKS, toy_task.TOY.name, toy_tags.TAGS.name])
every_family = pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
PLANS = {"whole": keep_all(tiny.WHOLE), "uneven": tiny.UNEVEN, "empty": tiny.EMPTY}
LENGTHS = (9, 4, 1)


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_task.registered(), toy_task.registered(toy_tags.TAGS):
        yield


def encoder_for(task: str, model_type: str) -> Encoder:
    labels = len(task_of(task).labels) or toy_task.MOODS
    epsilon = FAMILIES[model_type].norm_eps
    return tiny.encoder(
        model_type,
        task_name=task,
        num_labels=labels,
        **{} if epsilon is None else {"layer_norm_eps": epsilon},
    )


@every_task
@every_family
def test_its_names_are_those_of_the_models_parts(task: str, model_type: str) -> None:
    encoder = encoder_for(task, model_type)
    model = random_model(encoder, tiny.WHOLE)
    assert type(model).__name__ == f"{FAMILIES[model_type].classes}{task_of(task).model_class}"
    assert {tensor.key: tensor.shape for tensor in tensors_of(encoder, tiny.WHOLE).values()} == {
        key: tuple(value.shape) for key, value in model.state_dict().items() if value.is_floating_point()
    }
    outputs = model(**tiny.batch_for(model))
    assert tuple(outputs) == output_names(encoder)
    assert {tuple(values.shape) for values in outputs.values()} == {output_shape(encoder, 3, 9)}


@every_task
@every_family
def test_sizes_and_task_are_read_back(task: str, model_type: str) -> None:
    encoder = encoder_for(task, model_type)
    model = random_model(encoder, tiny.WHOLE)
    assert encoder_and_original(model) == (encoder, tiny.WHOLE)
    assert Encoder.from_dict(encoder.to_dict()) == encoder


@every_task
@pytest.mark.parametrize("name", PLANS)
@every_family
def test_gated_cut_exported_and_reloaded_models_answer_alike(
    task: str, name: str, model_type: str, tmp_path: Path
) -> None:
    encoder, plan = encoder_for(task, model_type), PLANS[name]
    whole = random_model(encoder, tiny.WHOLE)
    inputs = inputs_of(encoder, [[1] * 9, [1] * 4 + [0] * 5, [1] + [0] * 8])
    with GatedModel(whole) as gated:
        gated.set_plan(plan)
        expected = torch_logits(gated, inputs)
    cut = shrink(whole, plan)
    assert shape_of(cut) == plan.shape
    assert_equal_logits(torch_logits(cut, inputs), expected, "cut")
    save(cut, None, tmp_path / "model")
    reloaded = prune.load(tmp_path / "model")
    assert tiny.same_weights(cut, reloaded)
    assert_equal_logits(torch_logits(reloaded, inputs), expected, "reloaded")
    for dialect in DIALECTS:
        graph = graph_of(reloaded, dialect)
        assert tuple(output.name for output in graph.graph.output) == output_names(encoder)
        assert_equal_logits(onnx_logits(graph, inputs), expected, dialect)
        write_onnx(graph, tmp_path / "graph.onnx")
        assert check_parity(cut, tmp_path / "graph.onnx").max_relative < 1e-4


@every_task
def test_in_lower_precision_too(task: str, tmp_path: Path) -> None:
    encoder = encoder_for(task, "bert")
    cut = shrink(random_model(encoder, tiny.WHOLE), tiny.UNEVEN)
    for dialect in ("portable", "onnxruntime-fp16"):
        graph = build_graph(encoder, tiny.UNEVEN.shape, weights_of(cut), dialect=dialect, precision="fp16")
        write_onnx(graph, tmp_path / "half.onnx")
        assert check_parity(cut, tmp_path / "half.onnx", "fp16").max_relative < 5e-3
    quantized = quantize_dynamic(graph_of(cut, "onnxruntime-int8"))
    products = [node.name for node in quantized.graph.node if node.op_type == "MatMul"]
    assert sum(name.startswith("answer/") for name in products) == len(encoder.head.linears)
    inputs = inputs_of(encoder, [[1] * 9, [1] * 4 + [0] * 5])
    for found, expected in zip(onnx_logits(quantized, inputs), torch_logits(cut, inputs), strict=True):
        assert 0 < np.abs(found - expected).max() < 0.5


@every_task
def test_a_file_says_what_it_is_for(task: str, tmp_path: Path) -> None:
    encoder = encoder_for(task, "bert")
    graph = build_graph(encoder, tiny.WHOLE, weights_of(random_model(encoder, tiny.WHOLE)))
    assert graph.graph.name == task
    said = Metadata(encoder, tiny.WHOLE, tiny.WHOLE, "onnxruntime", "fp32", "tiny")
    stamp(graph, said)
    onnx.save(graph, tmp_path / "model.onnx")
    assert read_metadata(tmp_path / "model.onnx") == said
    shape = [each.dim_value or each.dim_param for each in graph.graph.output[0].type.tensor_type.shape.dim]
    assert tuple(shape) == output_shape(encoder, "batch", "sequence")
    assert onnx_session(graph).get_outputs()[0].shape == shape


@every_task
@every_family
def test_multiply_adds_and_parameters_are_counted(task: str, model_type: str) -> None:
    encoder = encoder_for(task, model_type)
    model = shrink(random_model(encoder, tiny.WHOLE), tiny.UNEVEN)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():  # fused attention would go uncounted
        model(**tiny.batch_for(model, (7, 7)))
    assert counter.get_total_flops() == 2 * multiply_adds(encoder, tiny.UNEVEN.shape, batch=2, seq=7)
    assert parameters(encoder, tiny.UNEVEN.shape) == sum(p.numel() for p in model.parameters())


@every_task
def test_losses_are_of_each_row_by_itself(task: str) -> None:
    learning, labelled = learning_of(task_of(task)), LABELLED[task]
    model, teacher = (
        random_model(encoder_for(task, "bert"), tiny.WHOLE, seed=seed).double() for seed in (0, 1)
    )
    batch = labelled(tiny.batch_for(model, LENGTHS))

    def losses(rows: dict[str, Tensor]) -> list[Tensor]:
        inputs = {name: rows[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
        with torch.no_grad():
            ours, theirs = model(**inputs), teacher(**inputs)
        return [
            learning.label_losses(ours, rows),
            learning.teacher_losses(ours, theirs, rows, temperature=2.0),
            learning.teacher_losses(ours, ours, rows, temperature=3.0),
            learning.are_right(ours, rows).double(),
        ]

    together = losses(batch)
    assert [tuple(each.shape) for each in together] == [(3,)] * 4
    assert all((each[:2] > 0).all() for each in together[:2])  # of one token alone a softmax may say nothing
    assert together[2].abs().max() < 1e-12, "nothing to learn from oneself"
    for row, length in enumerate(LENGTHS):
        alone = {
            name: values[row : row + 1, :length] if values.ndim > 1 else values[row : row + 1]
            for name, values in batch.items()
        }
        for found, expected in zip(losses(alone), together, strict=True):
            torch.testing.assert_close(found, expected[row : row + 1], rtol=0, atol=1e-10)


@every_task
@pytest.mark.parametrize("distilled", [False, True], ids=["labels", "teacher"])
def test_a_cut_model_learns(task: str, distilled: bool, tmp_path: Path) -> None:
    whole = random_model(encoder_for(task, "bert"), tiny.WHOLE)
    model = shrink(whole, Plan(((0, 1), (0,)), (tuple(range(12)), tuple(range(6)))))
    settings = TrainingSettings(
        epochs=6, learning_rate=3e-3, batch_size=8, held_out=0.2, dropout=0.0, mixed_precision="no"
    )
    settings = settings if distilled else replace(settings, epochs=12)
    outcome = train(
        model,
        EXAMPLES[task](120),
        settings,
        pad_token_id=0,
        directory=tmp_path / "run",
        teacher=whole if distilled else None,
    )
    looks = [entry.eval_loss for entry in outcome.log if entry.eval_loss is not None]
    assert len(looks) > 2
    assert min(looks) < 0.8 * looks[0]


@every_task
def test_gain_scores_its_units(task: str) -> None:
    model = random_model(encoder_for(task, "bert"), tiny.WHOLE)
    batch = batch_tensors_of(model, EXAMPLES[task](12).batch(range(12), 0))
    scores = gain_scores(model, [batch])
    assert all((layer > 0).all() for layer in (*scores.heads, *scores.intermediate))


def test_the_class_tells_the_task_and_question_answering_is_meant_where_it_tells_none() -> None:
    assert task_of_class(["BertForSequenceClassification"]) is toy_task.TOY
    for named in (["RobertaForQuestionAnswering"], ["BertModel"], [], None, "Bert", [3], {"a": 1}):
        assert task_of_class(named).name == "question-answering", named
    with pytest.raises(InputError, match="task is 'poetry'; supported are mood, question-answering, tags"):
        task_of("poetry")


def test_a_head_that_is_not_there_is_named(tmp_path: Path) -> None:
    model = random_model(encoder_for(toy_task.TOY.name, "bert"), tiny.WHOLE)
    save(model, None, tmp_path / "model")
    del TASKS[toy_task.TOY.name]
    try:
        with pytest.raises(InputError, match="tells 3 labels apart; extractive question answering takes 2"):
            prune.load(tmp_path / "model")
    finally:
        TASKS[toy_task.TOY.name] = toy_task.TOY


def test_what_only_question_answering_has_refuses_others_by_name(tmp_path: Path) -> None:
    encoder = encoder_for(toy_task.TOY.name, "bert")
    model = random_model(encoder, tiny.WHOLE)
    save(model, None, tmp_path / "model")
    refused = "is for telling moods apart; give one for extractive question answering"
    with pytest.raises(InputError, match=refused):
        open_model(str(tmp_path / "model"))
    graph = graph_of(model, "portable")
    stamp(graph, Metadata(encoder, tiny.WHOLE, tiny.WHOLE, "portable", "fp32", "tiny"))
    onnx.save(graph, tmp_path / "model.onnx")
    with pytest.raises(InputError, match=refused):
        open_answerer(tmp_path / "model.onnx")


def test_of_question_answering_a_file_says_what_it_said_before_there_were_other_tasks() -> None:
    said = tiny.encoder().to_dict()
    assert set(said) == {
        "model_type",
        "vocab_size",
        "embedding_size",
        "hidden_size",
        "head_size",
        "max_position_embeddings",
        "type_vocab_size",
        "pad_token_id",
        "layer_norm_eps",
    }
    assert Encoder.from_dict(said).task.name == "question-answering"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"task_name": "poetry"}, "task is 'poetry'"),
        ({"task_name": ["mood"]}, r"task is \['mood'\]"),
        ({"num_labels": 3}, "tells 3 labels apart; extractive question answering takes 2"),
        ({"task_name": "mood", "num_labels": 0}, "num_labels is 0; expected a whole number of at least 1"),
        ({"task_name": "mood", "num_labels": True}, "num_labels is True"),
        ({"task": "mood"}, "An encoder description has"),
    ],
)
def test_a_damaged_description_is_refused(damage: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Encoder.from_dict(tiny.encoder().to_dict() | damage)


def test_a_search_goes_by_the_own_answers_of_a_task_that_has_such() -> None:
    model = random_model(encoder_for(toy_task.TOY.name, "bert"), tiny.WHOLE, seed=3)
    asked = [toy_task.Text(tuple(row.tolist())) for row in toy_task.Texts.of(60, vocab_size=150).rows]
    subject = tiny.subject(model, None, None)  # type: ignore[arg-type]  # its own answers need neither
    method = method_named("random")()

    def settled(min_agreement: float) -> Choice:
        with open_work(None) as work:
            return ByAgreement(asked, min_agreement, 1).settle(  # type: ignore[arg-type]  # no questions
                method, Job(subject), work, lambda what, done, total: None
            )

    found = settled(70)
    assert found.plan is not None
    trials = {trial.percent: trial.agreement for trial in found.search.trials}
    assert trials[found.search.percent].mean >= 70
    assert found.search.percent == LARGEST_PERCENT or trials[found.search.percent + 1].mean < 70
    assert found.search.scoring_questions == found.search.checking_questions == 30
    own = own_answers_of(toy_task.TOY)
    checking = own.halves(subject.labelled(asked), 0)[1]  # type: ignore[arg-type]
    again = subject.labelled(checking, found.of(model))  # type: ignore[arg-type]
    assert own.agreement(checking, again) == found.search.agreement
    with pytest.raises(
        InputError, match="from the answers of a model for telling kinds of tokens apart; say"
    ):
        own_answers_of(toy_tags.TAGS)
