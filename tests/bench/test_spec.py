import pytest

from bench.spec import BERT_BASE, BERT_BASE_SHAPE, PAPER_SHAPE, Effort, Engine, Workload
from prune.cost import multiply_adds, parameters
from prune.errors import InputError
from prune.shape import ModelShape


def test_paper_shape_has_the_papers_totals() -> None:
    heads, activations = PAPER_SHAPE.removed_from(BERT_BASE_SHAPE)
    assert BERT_BASE_SHAPE.num_heads - PAPER_SHAPE.num_heads == round(0.531 * 144) == 76
    assert activations == pytest.approx(0.649, abs=0.001)
    assert heads == pytest.approx(0.531, abs=0.5 / 144)


def test_paper_shape_keeps_most_in_the_middle_and_has_unequal_layers() -> None:
    for sizes in (
        [layer.num_heads for layer in PAPER_SHAPE.layers],
        [layer.intermediate_size for layer in PAPER_SHAPE.layers],
    ):
        top = sizes.index(max(sizes))
        assert 4 <= top <= 7
        assert sizes[: top + 1] == sorted(sizes[: top + 1])
        assert sizes[top:] == sorted(sizes[top:], reverse=True)
        assert len(set(sizes)) > 4
    assert all(layer.intermediate_size % 8 == 0 for layer in PAPER_SHAPE.layers)


def test_bert_base_is_bert_base() -> None:
    assert parameters(BERT_BASE, BERT_BASE_SHAPE) == 108_893_186
    whole = multiply_adds(BERT_BASE, BERT_BASE_SHAPE, batch=1, seq=384)
    assert whole / multiply_adds(BERT_BASE, PAPER_SHAPE, batch=1, seq=384) == pytest.approx(2.52, abs=0.01)


def test_engine_survives_its_line_of_json(encoder, cut, tmp_path) -> None:
    for path in (None, tmp_path / "out.onnx"):
        engine = Engine("onnxruntime", "cpu", 2, encoder, cut, path)
        assert Engine.from_dict(engine.to_dict()) == engine


@pytest.mark.parametrize(("batch", "seq", "said"), [(0, 384, "--batch is 0"), (1, -1, "--seq is -1")])
def test_workload_refuses_nothing_to_do(batch: int, seq: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Workload(batch, seq)


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ({"launches": 1}, "--launches is 1"),
        ({"rounds": 2}, "--rounds is 2"),
        ({"seconds": 0.0}, "--seconds is 0"),
        ({"seconds": float("nan")}, "--seconds is nan"),
    ],
)
def test_effort_refuses_what_gives_no_interval(effort: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Effort(**effort)


def test_default_effort_gives_enough_pairs() -> None:
    assert Effort().launches * Effort().rounds >= 30
    assert ModelShape.from_dict(PAPER_SHAPE.to_dict()) == PAPER_SHAPE
