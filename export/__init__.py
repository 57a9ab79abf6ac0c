"""Write a model as ONNX in the form of what is to run it, and hold it against PyTorch before it takes its place.

Importing this package is light: neither torch nor onnx is loaded before it is used.
"""

from typing import TYPE_CHECKING

from trellis.lazy import attributes_of

if TYPE_CHECKING:
    from export.exporting import Exported, export
    from export.options import Output
    from export.parity import ParityError

__all__ = ["Exported", "Output", "ParityError", "export"]

_HOMES = {
    "export": "export.exporting",
    "Exported": "export.exporting",
    "Output": "export.options",
    "ParityError": "export.parity",
}

__getattr__ = attributes_of(__name__, _HOMES)
