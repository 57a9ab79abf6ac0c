"""prune-export on models, data and numbers that are wrong somewhere: it refuses in one sentence, or is right."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.commands import hunt
from fuzz.hostile import TEXTS, VALUES, changed, damaged, written
from safetensors.numpy import load_file, save_file
from support import natural, tiny
from support.folders import SETTINGS, TOKENIZERS

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE
from prune.tasks.question_answering.squad.reading import write_squad

CONTEXT = "The old pear tree was trained against the south wall in 1871 by Ada Birch."

FIELDS = (
    *(
        "model_type",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_act",
    ),
    *(
        "dim",
        "n_layers",
        "n_heads",
        "hidden_dim",
        "activation",
        "embedding_size",
        "vocab_size",
        "pad_token_id",
    ),
    *(
        "max_position_embeddings",
        "type_vocab_size",
        "layer_norm_eps",
        "position_embedding_type",
        "is_decoder",
    ),
    *("is_encoder_decoder", "add_cross_attention", "id2label", "label2id", "num_labels", "espalier_shape"),
    *("architectures", "attn_implementation", "_attn_implementation", "quantization_config", "pruned_heads"),
    *("chunk_size_feed_forward", "output_attentions", "output_hidden_states", "return_dict", "torchscript"),
    *("use_return_dict", "use_cache", "tie_word_embeddings", "tie_encoder_decoder", "torch_dtype", "dtype"),
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "qa_dropout"),
    *("classifier_dropout", "initializer_range", "sinusoidal_pos_embds", "summary_type", "problem_type"),
    *(
        "transformers_version",
        "_name_or_path",
        "name_or_path",
        "auto_map",
        "custom_pipelines",
        "tokenizer_class",
    ),
    *("attribute_map", "sub_configs", "base_model_tp_plan", "_commit_hash", "bos_token_id", "eos_token_id"),
    *(
        "gradient_checkpointing",
        "finetuning_task",
        "prefix",
        "task_specific_params",
        "use_bfloat16",
        "to_dict",
    ),
    *("from_dict", "__class__", "_attn_implementation_internal", "_experts_implementation", "is_composition"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family, with its tokenizer and decoding settings."""
    made = {}
    for model_type in ("bert", "roberta", "distilbert", "electra", "camembert"):
        made[model_type] = tmp_path_factory.mktemp("models") / model_type
        model = tiny.model(model_type, vocab_size=320)
        save(model, TOKENIZERS[model_type](), made[model_type], beside={DECODING_FILE: SETTINGS.to_dict()})
    return made


@pytest.fixture(scope="module")
def squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "squad.json"
    answers = [(Answer("Ada Birch", CONTEXT.index("Ada")),), (), (Answer("1871", CONTEXT.index("1871")),)]
    asked = [
        Question(f"q{index}", f"Who is number {index}?", CONTEXT + f" It is {index}.", answers[index % 3])
        for index in range(9)
    ]
    write_squad(asked, path)
    return path


Models = dict[str, Path]
Prepare = Callable[[random.Random, Path], list[str]]


def exported(room: Path, *more: str) -> list[str]:
    """Arguments for the model in `room`."""
    (room / "out").mkdir()
    return [str(room / "model"), str(room / "out" / "model.onnx"), *(more or ("--no-prune",))]


def with_changed_file(
    models: Models, name: str, change: Callable[[random.Random, Path], None], *more: str
) -> Prepare:
    """The model of a family drawn at random, in whose file of that name something is changed."""

    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(models[rng.choice(sorted(models))], room / "model")
        change(rng, room / "model" / name)
        return exported(room, *more)

    return prepare


def change_json(rng: random.Random, path: Path) -> None:
    path.write_bytes(written(changed(json.loads(path.read_bytes()), rng), rng))


def set_fields(rng: random.Random, path: Path) -> None:
    """Fields set to values of any kind."""
    config = json.loads(path.read_bytes())
    for _ in range(rng.choice((1, 1, 1, 2))):
        config[rng.choice((*FIELDS, *config))] = rng.choice(VALUES)
    path.write_bytes(written(config, rng))


def change_tensors(rng: random.Random, path: Path) -> None:
    """Another type, another shape, other numbers, or no such tensor."""
    weights: dict[str, Any] = load_file(path)
    name = rng.choice(sorted(weights))
    tensor = weights.pop(name)
    with np.errstate(all="ignore"):
        match rng.randrange(6):
            case 0:
                pass
            case 1:
                kinds = "bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float64"
                weights[name] = tensor.astype(rng.choice(kinds))
            case 2:
                weights[name] = rng.choice((tensor[None], tensor[:-1], tensor.ravel(), tensor[:0]))
            case 3:
                tensor.flat[rng.randrange(tensor.size)] = rng.choice((np.nan, np.inf, -np.inf))
                weights[name] = tensor
            case 4:
                weights[name] = tensor * np.float32(rng.choice((0, 1e-30, 1e10, 1e30, -1)))
            case _:
                weights[rng.choice(("x", "", "\x1b[31m", name.upper()))] = tensor
    save_file(
        {key: np.ascontiguousarray(value) for key, value in weights.items()}, path, metadata={"format": "pt"}
    )


def change_header(rng: random.Random, path: Path) -> None:
    """The header, as JSON or as bytes, with its length right more often than not."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + size]
    header = written(changed(json.loads(header), rng), rng) if rng.random() < 0.6 else damaged(header, rng)
    length = rng.choice((len(header),) * 5 + (0, 2**31, 2**63, len(content)))
    path.write_bytes(length.to_bytes(8, "little") + header + content[8 + size :])


def change_bytes(rng: random.Random, path: Path) -> None:
    path.write_bytes(damaged(path.read_bytes(), rng))


CHANGES = {
    "config fields": ("config.json", set_fields, 300),
    "config structure": ("config.json", change_json, 100),
    "weights' tensors": ("model.safetensors", change_tensors, 80),
    "weights' header": ("model.safetensors", change_header, 100),
    "decoding settings": (DECODING_FILE, change_json, 100),
    "tokenizer": ("tokenizer.json", change_json, 100),
    "tokenizer's config": ("tokenizer_config.json", change_json, 60),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANGES)
def test_models(kind: str, models: Models, tmp_path: Path) -> None:
    name, change, cases = CHANGES[kind]
    hunt(kind, "prune-export", tmp_path, cases, with_changed_file(models, name, change), outputs=("out",))


@pytest.mark.slow
def test_a_model_that_is_damaged_anywhere(models: Models, tmp_path: Path) -> None:
    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(models[rng.choice(sorted(models))], room / "model")
        file = rng.choice(sorted((room / "model").iterdir()))
        match rng.randrange(5):
            case 0:
                file.unlink()
            case 1:
                file.unlink()
                file.mkdir()
            case 2:
                file.unlink()
                file.symlink_to(rng.choice((file.name, "..", "/dev/null", "nowhere", "/dev/full")))
            case 3:
                file.write_bytes(b"")
            case _:
                change_bytes(rng, file)
        return exported(room)

    hunt("model's files", "prune-export", tmp_path, 80, prepare, outputs=("out",))


@pytest.mark.slow
@pytest.mark.parametrize("use", ["--dev", "--train", "--calibration"])
def test_squad_files(use: str, models: Models, squad: Path, tmp_path: Path) -> None:
    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(models["bert"], room / "model")
        (room / "data.json").write_bytes(written(changed(json.loads(squad.read_bytes()), rng), rng))
        how = {
            "--dev": ("--no-prune",),
            "--train": ("--prune-heads", "0.5", "--prune-ffn", "0.5"),
            "--calibration": (),
        }[use]
        return exported(room, *how, use, str(room / "data.json"))

    hunt(f"SQuAD as {use}", "prune-export", tmp_path, 70, prepare, outputs=("out",))


@pytest.mark.slow
def test_natural_questions(models: Models, tmp_path: Path) -> None:
    document = natural.simplified(natural.annotation((6, 17), ((6, 8),)))

    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(models["bert"], room / "model")
        documents = [document | {"example_id": index} for index in range(3)]
        lines = [written(each if rng.random() < 0.6 else changed(each, rng), rng) for each in documents]
        (room / "nq.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return exported(room, "--no-prune", "--task", "nq", "--dev", str(room / "nq.jsonl"))

    hunt("Natural Questions", "prune-export", tmp_path, 100, prepare, outputs=("out",))


@pytest.mark.slow
@pytest.mark.parametrize("use", ["--shape", "--plan"])
def test_shapes_and_plans(use: str, models: Models, tmp_path: Path) -> None:
    wanted = {
        "--shape": tiny.UNEVEN.shape.to_dict(),
        "--plan": {
            "source_shape": tiny.WHOLE.to_dict(),
            "plan": tiny.UNEVEN.to_dict(),
            "format": 1,
        },
    }[use]

    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(models["bert"], room / "model")
        (room / "wanted.json").write_bytes(written(changed(wanted, rng), rng))
        method = ("--method", "random") if use == "--shape" else ()
        return exported(room, use, str(room / "wanted.json"), *method)

    hunt(f"a file as {use}", "prune-export", tmp_path, 100, prepare, outputs=("out",))


NUMBERS = (
    *(
        "--seed",
        "--prune-heads",
        "--prune-ffn",
        "--lambda-heads",
        "--lambda-ffn",
        "--min-agreement",
        "--multiple-of",
    ),
    *(
        "--gate-share",
        "--gate-epochs",
        "--gate-learning-rate",
        "--train-questions",
        "--train-length",
        "--null-share",
    ),
    *("--retrain", "--distill", "--temperature", "--task-weight", "--hidden-weight", "--learning-rate"),
    *("--batch-size", "--micro-batch", "--held-out", "--evaluate-every", "--patience", "--dropout"),
    *("--int8-windows", "--max-f1-loss", "--profiles", "--method", "--task", "--target", "--precision"),
    *(
        "--mixed-precision",
        "--gate-loss",
        "--revision",
        "--shape",
        "--plan",
        "--train",
        "--dev",
        "--calibration",
    ),
    *("--teacher", "--engine", "--timing-cache", "--save-model", "--work", "--json", "--html", "--nonsense"),
)


@pytest.mark.slow
def test_command_lines(models: Models, squad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(rng: random.Random, room: Path) -> list[str]:
        monkeypatch.chdir(room)
        shutil.copytree(models["bert"], room / "model")
        option = rng.choice(NUMBERS)
        others: list[str] = []
        if option in ("--retrain", "--distill"):
            others = ["--train", str(squad), "--no-prune"]
        elif rng.random() < 0.5:
            others = rng.choice(
                (
                    ["--train", str(squad), "--method", "l0", "--prune-heads", "0.5"],
                    ["--train", str(squad), "--prune-heads", "0.5"],
                    ["--dev", str(squad), "--no-prune"],
                )
            )
        arguments = exported(room, *others, option, rng.choice(TEXTS))
        if rng.random() < 0.1:
            arguments[rng.randrange(2)] = rng.choice(TEXTS)
        return [*arguments, "--dry-run"]

    hunt("prune-export's command lines", "prune-export", tmp_path, 250, prepare, outputs=("out",))
