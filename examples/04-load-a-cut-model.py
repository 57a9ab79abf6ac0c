"""Load a cut model in PyTorch, as transformers' own class.

    python examples/04-load-a-cut-model.py CUT

CUT is what `prune-export --save-model CUT` wrote.
"""

import sys

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

import prune  # from here on transformers knows how to build layers of unequal size
from prune.families.layers import shape_of

model = AutoModelForQuestionAnswering.from_pretrained(sys.argv[1]).eval()
print(type(model).__name__)
for index, layer in enumerate(shape_of(model).layers):
    print(f"layer {index}: {layer.num_heads} heads, {layer.intermediate_size} activations")

inputs = AutoTokenizer.from_pretrained(sys.argv[1])(
    "Who?", "Ada Birch trained the tree.", return_tensors="pt"
)
with torch.inference_mode():
    logits = model(**inputs).start_logits
    same = prune.load(sys.argv[1])(
        **inputs
    ).start_logits  # the same weights, checked before they are believed
print("loaded alike both ways:", torch.equal(logits, same))
