"""BERT; other families are like it but for a few things."""

from prune.families.block import POST_NORM
from prune.families.family import Family, TokenizerClass

BERT = Family(
    model_type="bert",
    module="transformers.models.bert.modeling_bert",
    classes="Bert",
    encoder="bert",
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "token_type": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    layers="encoder.layer",
    block=POST_NORM,
    parts={
        "attention/query": "attention.self.query",
        "attention/key": "attention.self.key",
        "attention/value": "attention.self.value",
        "attention/output": "attention.output.dense",
        "attention/norm": "attention.output.LayerNorm",
        "ffn/intermediate": "intermediate.dense",
        "ffn/output": "output.dense",
        "ffn/norm": "output.LayerNorm",
    },
    attention="attention.self",
    tokenizer=TokenizerClass("BertTokenizer", resets="BertNormalizer"),
)
