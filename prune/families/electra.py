"""ELECTRA: its embeddings may have a size of their own, and are projected to that of the layers then."""

from dataclasses import replace

from prune.families.bert import BERT

ELECTRA = replace(
    BERT,
    model_type="electra",
    module="transformers.models.electra.modeling_electra",
    classes="Electra",
    encoder="electra",
    embeddings={**BERT.embeddings, "project": "embeddings_project"},
    tokenizer=replace(BERT.tokenizer, name="ElectraTokenizer"),
)
