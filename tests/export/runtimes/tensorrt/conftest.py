"""A stamped ONNX file of a tiny model, and the engine of it."""

from pathlib import Path

import pytest
from support import tiny
from support.graphs import UNEQUAL, graph_of

from export.graph.write import write_onnx
from export.metadata import Metadata, stamp
from export.runtimes.tensorrt.build import BuiltEngine, build_engine
from export.runtimes.tensorrt.profile import parse_profiles
from prune.families.layers import encoder_and_original, shape_of
from prune.shape import ModelShape

NEEDS_RTX = (
    "TensorRT for RTX is not installed: "
    "pip install --no-deps tensorrt_rtx_cu13_libs tensorrt_rtx_cu13_bindings"
)


@pytest.fixture(scope="session")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> "Stamped":
    return Stamped(tmp_path_factory)


class Stamped:
    """Writes files such as prune-export's, into a folder of their own each."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders

    def __call__(
        self,
        model_type: str = "bert",
        shape: ModelShape = UNEQUAL,
        *,
        dialect: str = "portable",
        says: str | None = None,
        external_above: int = 2**31,
    ) -> Path:
        """The file of a tiny model in `dialect`, whose metadata says it is in `says`."""
        model = tiny.model(model_type, shape)
        encoder, original = encoder_and_original(model)
        graph = graph_of(model, dialect)
        stamp(
            graph,
            Metadata(
                encoder,
                shape_of(model),
                original,
                says or dialect,
                "fp32",
                "somebody/Modell für Fragen",
                {"method": "gain"},
                {"max_relative": 1e-7},
            ),
        )
        path = self._folders.mktemp("onnx") / "out.onnx"
        write_onnx(graph, path, external_above=external_above)
        return path


@pytest.fixture(scope="session")
def onnx_file(stamped: Stamped) -> Path:
    """BERT, no two layers alike, one of them empty."""
    return stamped()


@pytest.fixture(scope="session")
def built(onnx_file: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltEngine:
    """An engine of two profiles."""
    pytest.importorskip("tensorrt_rtx_bindings", reason=NEEDS_RTX)
    out = tmp_path_factory.mktemp("engine") / "out.engine"
    return build_engine(onnx_file, parse_profiles("1x1..32..64,2..4..8x16..64"), out, library="rtx")
