"""ModelShape: what it accepts, what it says of itself, what it refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune.shape import LayerShape, ModelShape
from trellis.errors import InputError

WHOLE = ModelShape.uniform(3, num_heads=4, intermediate_size=16)
CUT = ModelShape((LayerShape(4, 8), LayerShape(1, 0), LayerShape(0, 16)))

layer_shapes = st.builds(LayerShape, st.integers(0, 40), st.integers(0, 9000))


@given(st.lists(layer_shapes, min_size=1, max_size=6))
def test_a_shape_survives_json(layers: list[LayerShape]) -> None:
    shape = ModelShape(tuple(layers))
    assert ModelShape.from_dict(json.loads(json.dumps(shape.to_dict()))) == shape


def test_totals_and_fractions_removed() -> None:
    assert (CUT.num_heads, CUT.intermediate_size) == (5, 24)
    assert CUT.removed_from(WHOLE) == (1 - 5 / 12, 0.5)
    assert WHOLE.removed_from(WHOLE) == (0, 0)


def test_nothing_is_removed_from_nothing() -> None:
    empty = ModelShape.uniform(2, 0, 0)
    assert empty.removed_from(empty) == (0, 0)


@pytest.mark.parametrize("size", [-1, 1.0, True, "4", None])
def test_sizes_are_natural_numbers(size: object) -> None:
    with pytest.raises(InputError, match=r"num_heads is .* whole number of at least 0"):
        LayerShape(size, 4)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"intermediate_size is .* whole number of at least 0"):
        LayerShape(4, size)  # type: ignore[arg-type]


def test_a_shape_has_layers() -> None:
    with pytest.raises(InputError, match="no layers"):
        ModelShape(())


def test_a_cut_lies_within_its_original() -> None:
    CUT.check_within(WHOLE)
    with pytest.raises(InputError, match="intermediate_size 16 in layer 0; the model has 8 there"):
        WHOLE.check_within(CUT)
    with pytest.raises(InputError, match="has 2 layers; the model has 3"):
        ModelShape.uniform(2, 1, 1).check_within(WHOLE)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([1, 2], "is a list; expected"),
        ({"num_heads": [1]}, "lacks its two lists"),
        ({"num_heads": 1, "intermediate_size": 1}, "lacks its two lists"),
        ({"num_heads": [1, 2], "intermediate_size": [1]}, "2 layers in num_heads and 1 in intermediate_size"),
        ({"num_heads": [], "intermediate_size": []}, "no layers"),
        ({"num_heads": [1.5], "intermediate_size": [1]}, "num_heads is 1.5"),
        ({"num_heads": [1], "intermediate_size": [None]}, "intermediate_size is None"),
    ],
)
def test_untrusted_shapes_are_refused_by_name(data: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ModelShape.from_dict(data)


def test_a_hundred_thousand_layers_are_refused_before_anything_is_made_of_them() -> None:
    for make in (
        lambda: ModelShape.uniform(10**11, 1, 1),
        lambda: ModelShape.from_dict({"num_heads": [1] * 100_000, "intermediate_size": [1] * 100_000}),
        lambda: ModelShape((LayerShape(1, 1),) * 1025),
    ):
        with pytest.raises(InputError, match=r"layers; 1,024 is the most that is believed"):
            make()
    assert len(ModelShape.uniform(1024, 1, 1).layers) == 1024
