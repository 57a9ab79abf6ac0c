"""What a name given to bench stands for: a file, a model directory, or a folder that prune-export wrote a file into."""

from collections.abc import Sequence
from pathlib import Path

from export.outputs import settle_export
from export.runtimes import RUNTIMES, runtime_of
from export.target import RuntimeName
from trellis.errors import InputError


def file_of(name: str, runtimes: Sequence[RuntimeName] = ()) -> str:
    """`name`, or the one file in the folder of that name, where it holds an export and no weights of a model.

    Where only runtimes of engines are among `runtimes` that is an engine, else the ONNX file; an engine too where there
    is no ONNX file. Raises InputError where there are several.
    """
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return name
    settle_export(folder)
    graphs = sorted(folder.glob("*.onnx"))
    suffixes = {suffix for each in RUNTIMES.values() if each.engines for suffix in each.engines.suffixes}
    engines = sorted(path for suffix in suffixes for path in folder.glob(f"*{suffix}"))
    wants_engines = bool(runtimes) and all(runtime_of(name).engines for name in runtimes)
    found = engines if engines and (not graphs or wants_engines) else graphs
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:_NAMED]) + (" ..." if len(found) > _NAMED else "")
        raise InputError(f"{name} holds {len(found)} files ({names}); name one of them, like {found[0]}.")
    return str(found[0]) if found else name


_NAMED = 5
"""Files that the message names."""
