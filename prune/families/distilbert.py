"""DistilBERT: BERT without token types, under names of its own; the attention projects its own context."""

from prune.families.block import POST_NORM
from prune.families.family import ConfigKeys, Family, TokenizerClass

DISTILBERT = Family(
    model_type="distilbert",
    module="transformers.models.distilbert.modeling_distilbert",
    classes="DistilBert",
    encoder="distilbert",
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    layers="transformer.layer",
    block=POST_NORM,
    parts={
        "attention/query": "attention.q_lin",
        "attention/key": "attention.k_lin",
        "attention/value": "attention.v_lin",
        "attention/output": "attention.out_lin",
        "attention/norm": "sa_layer_norm",
        "ffn/intermediate": "ffn.lin1",
        "ffn/output": "ffn.lin2",
        "ffn/norm": "output_layer_norm",
    },
    attention="attention",
    head_counts=("n_heads", "dim"),
    keys=ConfigKeys("dim", "n_layers", "n_heads", "hidden_dim", "activation"),
    norm_eps=1e-12,
    tokenizer=TokenizerClass("DistilBertTokenizer", resets="BertNormalizer", gives_token_types=False),
)
