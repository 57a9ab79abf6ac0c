"""Cut a model, export it, and say what that cost: what `prune-export` does, called from Python.

    python examples/06-from-python.py MODEL FOLDER DEV [TRAIN]

MODEL is a model directory or a hub id. DEV and TRAIN are SQuAD JSON: to measure on, and to choose units by.
"""

import sys
from pathlib import Path

import export
import prune

model, folder, dev, *train = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)

pruned = prune.prune(
    model,
    prune.Amount(prune_heads=0.5, prune_ffn=0.5),
    data=prune.Data(train=train[0] if train else None, dev=(dev,)),
)
assert pruned.accuracy  # as there is a dev set
for figure in pruned.accuracy.figures[:2]:
    print(f"{figure.name}: {figure.before:.1f} → {figure.after:.1f}")

# another precision or target is another call: nothing is cut or measured again in PyTorch
for precision in ("fp32", "int8"):
    place = Path(folder, f"{precision}", "model.onnx")
    place.parent.mkdir(exist_ok=True)
    written = export.export(pruned, place, export.Output(precision=precision)).artifact
    print(f"{written.path}: {written.bytes / 2**20:.1f} MiB, layers {written.metadata.shape.to_dict()}")

pruned.save(Path(folder, "cut"))  # a model directory that transformers loads once prune is imported
