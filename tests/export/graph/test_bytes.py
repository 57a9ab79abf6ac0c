"""Graphs of question answering stay as they are, to the byte, so that files made anew do not differ for nothing."""

import hashlib
import platform

import pytest
from support import tiny
from support.graphs import NOTHING_LEFT, UNEQUAL

from export.graph.build import build_graph, random_weights
from export.metadata import Metadata, stamp
from prune.shape import ModelShape

WHOLE = ModelShape.uniform(3, tiny.NUM_HEADS, 16)
FORMS = (
    ("onnxruntime", "fp32"),
    ("onnxruntime-int8", "fp32"),
    ("portable", "fp32"),
    ("portable", "fp16"),
    ("onnxruntime-fp16", "fp16"),
)
EXPECTED = {
    "bert": "488c32b8568339464036546277a1710aeb3ebfd2a271bb528c3006612f83e071",
    "roberta": "bb259e82e4a39a8680854c29942c543348f6bb047768abdec89b0d75769d1e7b",
    "xlm-roberta": "ddb14c3aad563bec4af2cca4938a5587b3bc7b8b23d6859808cd581eef2ffda5",
    "camembert": "111adbe53bc8be321201b9a116791516ad757d0d1ee87bb1bc6666e81d23a2ed",
    "electra": "9a15c564ccaa1bed2a74b780377a850616b94e60388e31395232b9c06b0547d9",
    "distilbert": "95346c3321cd50f3c6ed5ffc868b5a6f91a2a8ae3be5b24024d947a179e9ffd2",
}


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="bounds are rounded as this processor's libraries do"
)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_graphs_and_what_they_say_of_themselves_are_the_same_bytes(model_type: str) -> None:
    encoder, digest = tiny.encoder(model_type), hashlib.sha256()
    for shape in (WHOLE, UNEQUAL, NOTHING_LEFT):
        weights = random_weights(encoder, shape)
        for dialect, precision in FORMS:
            graph = build_graph(encoder, shape, weights, dialect=dialect, precision=precision)
            stamp(graph, Metadata(encoder, shape, WHOLE, dialect, precision, "tiny"))
            digest.update(graph.SerializeToString(deterministic=True))
    assert digest.hexdigest() == EXPECTED[model_type]
