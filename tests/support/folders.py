"""Folders as prune-export leaves them, of tiny models with tokenizers of their kind."""

from pathlib import Path

from support import tiny, tiny_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from export.artifact import write_artifact
from prune.tasks.question_answering.settings import DecodingSettings

SETTINGS = DecodingSettings(
    max_length=48, stride=12, max_answer_length=8, max_question_length=14, null_threshold=-1.2
)
SENTENCE = "Ada Birch trained the old pear tree against the south wall in 1871, and her sons pruned it. "
TOKENIZERS = {
    "bert": tiny_tokenizers.wordpiece,
    "electra": tiny_tokenizers.wordpiece,
    "distilbert": lambda: tiny_tokenizers.wordpiece(has_token_types=False),
    "roberta": tiny_tokenizers.byte_level,
    "xlm-roberta": tiny_tokenizers.metaspace,
    "camembert": tiny_tokenizers.unigram,
}
"""By model type."""


def export_folder(
    folder: Path,
    model_type: str = "bert",
    tokenizer: PreTrainedTokenizerFast | None = None,
    *,
    dialect: str = "onnxruntime",
    settings: DecodingSettings = SETTINGS,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Fill `folder`, which is made; returns what went into it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny.model(model_type, vocab_size=320, seed=3)
    tokenizer = tokenizer or TOKENIZERS[model_type]()
    write_artifact(
        model, tokenizer, settings, folder / "model.onnx", dialect=dialect, model_name="tiny", provenance={}
    )
    return model, tokenizer
