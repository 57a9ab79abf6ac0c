"""RoBERTa, and what differs from it by its names and its tokenizer alone: XLM-RoBERTa and CamemBERT."""

from dataclasses import replace

from prune.families.bert import BERT
from prune.families.family import TokenizerClass

ROBERTA = replace(
    BERT,
    model_type="roberta",
    module="transformers.models.roberta.modeling_roberta",
    classes="Roberta",
    encoder="roberta",
    positions_follow_padding=True,
    pad_token_id=1,
    tokenizer=TokenizerClass("RobertaTokenizer", resets="ByteLevel"),
)

XLM_ROBERTA = replace(
    ROBERTA,
    model_type="xlm-roberta",
    module="transformers.models.xlm_roberta.modeling_xlm_roberta",
    classes="XLMRoberta",
    tokenizer=TokenizerClass("XLMRobertaTokenizer"),
)

CAMEMBERT = replace(
    ROBERTA,
    model_type="camembert",
    module="transformers.models.camembert.modeling_camembert",
    classes="Camembert",
    tokenizer=TokenizerClass("CamembertTokenizer"),
)
