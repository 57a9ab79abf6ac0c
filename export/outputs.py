"""What may lie where an export is to go: nobody's files are overwritten."""

import glob
import os
import re
from contextlib import suppress
from pathlib import Path

from trellis.errors import InputError
from trellis.files.together import settle

COMPANIONS = ("config.json", "tokenizer.json", "tokenizer_config.json", "decoding.json")
"""What is written beside the ONNX file, so that its folder is enough to answer questions."""

_MODEL_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


_BESIDE = (
    *COMPANIONS,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "provenance.json",
    "README.md",
)
"""What may belong to an ONNX file in its folder, which may hold other things too."""

_RESULTS = (".json", ".html", ".csv", ".md")
"""Forms that results are written in: such a file is a part of a model only by a name that models give to it."""

_DESCRIPTIONS = re.compile(r".*config\.json|.*\.index\.json|demo\.json|LICENSE.*")


def parts_of(model: str | Path) -> list[Path]:
    """What a model consists of: in a directory all that can be part of one, else the file and its companions."""
    path = Path(model)
    with suppress(RuntimeError):  # there is no such user
        path = path.expanduser()
    if path.is_dir():
        return [file for file in path.iterdir() if file.is_file() and _is_part(file)]
    if not path.is_file():  # the hub knows it, or nobody
        return [path]
    return [part for file in {path, Path(os.path.realpath(path))} for part in _file_and_companions(file)]


def _is_part(file: Path) -> bool:
    if file.suffix.lower() not in _RESULTS:
        return True
    return file.name in _BESIDE or bool(_DESCRIPTIONS.fullmatch(file.name))


def _file_and_companions(model: Path) -> list[Path]:
    beside = [model.with_name(name) for name in _BESIDE]
    if model.suffix != ".onnx":
        beside.append(model.with_name(f"{model.name}.json"))  # what describes an engine
    return [model, *beside, *model.parent.glob(f"{glob.escape(model.name)}.*.data")]


EXPORT = "export"
"""What the ONNX file and its companions are called together, see trellis.files.together: a folder has one such set."""


def settle_export(model: Path) -> None:
    """Finish what an export that was killed had decided, in the folder `model` or that of the file `model`.

    Raises InputError where this process may not.
    """
    real = Path(os.path.realpath(model))
    settle(real if real.is_dir() else real.parent)


def check_folder(out: Path) -> None:
    """Raise InputError where what goes beside `out` would take the place of somebody else's files."""
    folder = out.parent
    settle(folder)
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
