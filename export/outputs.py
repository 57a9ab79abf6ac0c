"""What may lie where an export is to go: nobody's files are overwritten."""

import glob
from pathlib import Path

from prune.errors import InputError

COMPANIONS = ("config.json", "tokenizer.json", "tokenizer_config.json", "decoding.json")
"""What is written beside the ONNX file, so that its folder is enough to answer questions."""

_MODEL_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


_PARTS = (".safetensors", ".onnx", ".data", ".engine", ".txt", ".model", ".jinja")
_DESCRIPTIONS = (*COMPANIONS, "vocab.json", "provenance.json", "special_tokens_map.json", "added_tokens.json")


def parts_of(model: Path) -> list[Path]:
    """What a model consists of: in a directory all that can be part of one, else the file and its companions."""
    if model.is_dir():
        files = model.iterdir()
        return [file for file in files if file.suffix in _PARTS or file.name in _DESCRIPTIONS]
    beside = [model.with_name(name) for name in COMPANIONS]
    if model.suffix != ".onnx":
        beside.append(model.with_name(f"{model.name}.json"))  # what describes an engine
    return [model, *beside, *model.parent.glob(f"{glob.escape(model.name)}.*.data")]


def check_folder(out: Path) -> None:
    """Raise InputError where what goes beside `out` would take the place of somebody else's files."""
    folder = out.parent
    for name in _MODEL_WEIGHTS:
        if (folder / name).exists():
            raise InputError(
                f"{folder} holds a model ({name}) whose config.json would be overwritten; "
                "write the ONNX file into another directory."
            )
    others = sorted(file.name for file in folder.glob("*.onnx") if file.name != out.name)
    taken = [name for name in COMPANIONS if (folder / name).exists()]
    if taken and (others or not out.exists()):
        owner = others[0] if others else "something else"
        raise InputError(
            f"{folder} holds the {taken[0]} of {owner}, which would be overwritten; "
            "write the ONNX file into a directory of its own."
        )
