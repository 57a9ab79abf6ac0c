"""Stores of made-up cells whose figures can be worked out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from prune.shape import LayerShape, ModelShape
from studies.paper.cells import SPEED
from studies.store import write_cell

WHOLE = ModelShape.uniform(2, num_heads=4, intermediate_size=8)
CUT = ModelShape((LayerShape(1, 6), LayerShape(3, 2)))
"""Half of the heads, half of the activations."""
ENCODER = {
    "model_type": "bert",
    "vocab_size": 10,
    "embedding_size": 8,
    "hidden_size": 8,
    "head_size": 2,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "layer_norm_eps": 1e-12,
}

Put = Callable[..., None]


def _accuracy(f1: Sequence[float], has_answer: Sequence[float]) -> dict[str, Any]:
    return {"f1_by_question": list(f1), "unrefused_f1_by_question": list(has_answer)}


@pytest.fixture
def whole() -> ModelShape:
    return WHOLE


@pytest.fixture
def cut() -> ModelShape:
    return CUT


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.json.gz"


@pytest.fixture
def put(store: Path) -> Put:
    """Stores a cell of that name; where nothing else is said, four questions are asked, two with an answer."""

    def put(
        name: str,
        f1: Sequence[float] = (1, 1, 1, 1),
        has_answer: Sequence[float] = (1, 1),
        *,
        before: dict[str, Any] | None = None,
        shape: ModelShape = WHOLE,
        original: ModelShape = WHOLE,
        **more: Any,
    ) -> None:
        found = {
            "shape": shape.to_dict(),
            "original_shape": original.to_dict(),
            "accuracy": {
                "before": before or _accuracy((1, 1, 1, 0), (1, 0)),
                "after": _accuracy(f1, has_answer),
            },
            **more,
        }
        is_option = name.startswith("option")
        part = "option" if is_option else "curve" if "-seed-" in name else "point"
        write_cell(store, name, part, ["MODEL"], found)

    return put


@pytest.fixture
def put_speed(store: Path) -> Callable[..., None]:
    """Stores a measured speed."""

    def put_speed(name: str, estimate: float, batch: int = 1, seq: int = 384) -> None:
        speed = {
            "name": name,
            "batch": batch,
            "seq": seq,
            "speedup": {"estimate": estimate, "low": estimate - 0.5, "high": estimate + 0.5},
            "encoder": ENCODER,
        }
        write_cell(store, f"{name}-b{batch}-s{seq}", SPEED, [], speed)

    return put_speed


@pytest.fixture
def study(put: Put, put_speed: Callable[..., None]) -> None:
    """Something of everything."""
    for method, scores in (("random", (0, 0)), ("gain", (1, 0)), ("l0", (1, 1))):
        for kind in ("heads", "ffn"):
            put(f"{method}-{kind}-50-seed-0", scores, scores, before=_accuracy((1, 1), (1, 1)), shape=CUT)
    put("whole-retrain", (1, 1, 1, 1), (1, 1))
    put("l0-2-2", (0, 0, 1, 1), (0, 0), shape=CUT)
    put("l0-2-2-retrain", (0, 1, 1, 1), (0, 1), shape=CUT)
    put("l0-2-2-distill", (1, 1, 1, 1), (1, 1), shape=CUT)
    smaller = ModelShape(WHOLE.layers[:1])
    put("yardstick-distill", (0, 0, 0, 1), (0, 0), shape=smaller, original=smaller)
    put_speed("l0-2-2", 2.0)
    put_speed("yardstick", 1.9)
