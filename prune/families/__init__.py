"""The families of encoders that are supported: one file for each, and one line here."""

from prune.errors import InputError
from prune.families.bert import BERT
from prune.families.distilbert import DISTILBERT
from prune.families.electra import ELECTRA
from prune.families.family import Family
from prune.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA

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
