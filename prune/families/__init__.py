"""The families of encoders that are supported: one file for each, and one line here.

A new one says in its file what `Family` asks for; distilbert.py is the one to copy where names differ, roberta.py
where little does. Layers that compute otherwise than those here are a `Block` of their own, which
export/graph/blocks learns to write. tests/prune/families/test_contract.py holds whatever is registered to the same.
"""

from prune.families.bert import BERT
from prune.families.distilbert import DISTILBERT
from prune.families.electra import ELECTRA
from prune.families.family import Family
from prune.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA
from trellis.errors import InputError

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        BERT,
        ROBERTA,
        XLM_ROBERTA,
        CAMEMBERT,
        ELECTRA,
        DISTILBERT,
    )
}


def family_of(model_type: object) -> Family:
    """The family of a config's model_type; raises InputError naming it and the supported ones."""
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        supported = ", ".join(sorted(FAMILIES))
        raise InputError(f"The model's architecture is {model_type!r}; supported are {supported}.")
    return FAMILIES[model_type]
