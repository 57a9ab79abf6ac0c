"""Models small enough to start in a moment, built and stamped by the code that exports real ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from export.graph.build import build_graph, random_weights
from export.graph.write import write_onnx
from export.metadata import Metadata, stamp
from export.runtimes.engine_spec import EngineSpec
from prune.families.encoder import Encoder
from prune.shape import LayerShape, ModelShape

TINY = Encoder(
    model_type="bert",
    vocab_size=101,
    embedding_size=64,
    hidden_size=64,
    head_size=16,
    max_position_embeddings=128,
    type_vocab_size=2,
    pad_token_id=0,
    layer_norm_eps=1e-12,
)
WHOLE = ModelShape.uniform(3, num_heads=4, intermediate_size=256)
CUT = ModelShape((LayerShape(1, 64), LayerShape(3, 128), LayerShape(0, 0)))

MakeFile = Callable[..., Path]
MakeEngine = Callable[..., EngineSpec]


@pytest.fixture
def encoder() -> Encoder:
    return TINY


@pytest.fixture
def whole() -> ModelShape:
    return WHOLE


@pytest.fixture
def cut() -> ModelShape:
    return CUT


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Writes an ONNX file of the given shape as prune-export would."""

    def make(
        name: str = "out.onnx",
        shape: ModelShape = CUT,
        precision: str = "fp32",
        dialect: str = "onnxruntime",
        original: ModelShape = WHOLE,
        provenance: dict[str, object] | None = None,
    ) -> Path:
        model = build_graph(TINY, shape, random_weights(TINY, shape), dialect=dialect)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        stamp(model, Metadata(TINY, shape, original, dialect, precision, "tiny", provenance or {}))
        write_onnx(model, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def make_engine(tmp_path: Path) -> MakeEngine:
    """An ONNX Runtime engine of any shape, on one thread."""

    def make(shape: ModelShape = WHOLE, encoder: Encoder = TINY) -> EngineSpec:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
        write_onnx(build_graph(encoder, shape, random_weights(encoder, shape)), path)
        return EngineSpec("onnxruntime", "cpu", 1, encoder, shape, path)

    return make
