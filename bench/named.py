"""What a name given to bench stands for: a file, a model directory, or a folder that prune-export wrote a file into."""

from collections.abc import Sequence
from pathlib import Path

from bench.workload import Runtime
from export.outputs import settle_export
from trellis.errors import InputError

ENGINES = (".engine", ".plan", ".trt")
"""What engines are usually called; others are known by the description beside them."""


def file_of(name: str, runtimes: Sequence[Runtime] = ()) -> str:
    """`name`, or the one file in the folder of that name, where it holds an export and no weights of a model.

    Where only TensorRT is among `runtimes` that is its engine, else the ONNX file; an engine too where there is no
    ONNX file. Raises InputError where there are several.
    """
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return name
    settle_export(folder)
    graphs = sorted(folder.glob("*.onnx"))
    engines = sorted(path for suffix in ENGINES for path in folder.glob(f"*{suffix}"))
    found = engines if engines and (not graphs or tuple(runtimes) == ("tensorrt",)) else graphs
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:_NAMED]) + (" ..." if len(found) > _NAMED else "")
        raise InputError(f"{name} holds {len(found)} files ({names}); name one of them, like {found[0]}.")
    return str(found[0]) if found else name


_NAMED = 5
"""Files that the message names."""
