import json
from dataclasses import replace

import pytest

from bench.json_field import Field
from bench.workload import (
    BERT_BASE,
    BERT_BASE_SHAPE,
    PAPER_SHAPE,
    Effort,
    Traffic,
    Turn,
    Workload,
    load_from_field,
)
from prune.cost import multiply_adds, parameters
from trellis.errors import InputError


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


@pytest.mark.parametrize(("batch", "seq", "said"), [(0, 384, "batch is 0"), (1, -1, "seq is -1")])
def test_workload_refuses_nothing_to_do(batch: int, seq: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Workload(batch, seq)


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ({"launches": 1}, "launches is 1; give how often both engines start"),
        ({"launches": 1001}, "launches is 1001"),
        ({"launches": 2**31}, "launches is 2147483648"),
        ({"blocks": 1_000_001}, "blocks is 1000001"),
        ({"blocks": -(10**30)}, "blocks is -10"),
        ({"max_time": 1e300}, "max_time is 1e\\+300; give seconds above 0, 604,800"),
        ({"max_time": 604_801.0}, "max_time is 604801"),
        ({"max_time": float("inf")}, "max_time is inf"),
        ({"goal": float("nan")}, "goal is nan"),
        ({"goal": float("inf")}, "goal is inf"),
        ({"blocks": 2}, "blocks is 2"),
        ({"max_time": 0.0}, "max_time is 0"),
        ({"max_time": float("nan")}, "max_time is nan"),
        ({"goal": 0.0}, "goal is 0"),
        ({"goal": 1.5}, "goal is 1.5"),
    ],
)
def test_effort_refuses_what_gives_no_interval(effort: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Effort(**effort)


@pytest.mark.parametrize(
    ("batch", "seq", "said"),
    [
        (0, 1, "batch is 0; give the number of sequences per call, 1 to 65,536"),
        (65_537, 1, "batch is 65537"),
        (10**30, 1, "batch is 1000000000000000000000000000000; give"),
        (10**400, 1, r"batch is 1000\d+\.\.\.0000"),
        (1, -1, "seq is -1"),
        (1, 2**31, "seq is 2147483648"),
    ],
)
def test_calls_of_impossible_size_are_one_short_sentence(batch: int, seq: int, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Workload(batch, seq)
    assert len(str(caught.value)) < 200


def test_the_largest_that_is_taken_is_taken() -> None:
    assert Workload(65_536, 65_536).served == 65_536
    assert Effort(1000, 1_000_000, 0.5, 604_800.0).launches == 1000


def test_loads_survive_their_line_of_json() -> None:
    traffic = Traffic("sorted by length", ((9, 8), (3,)), None, 2)
    for load in (Workload(2, 16), traffic, replace(traffic, padded_to=16)):
        assert load_from_field(Field(json.loads(json.dumps(load.to_dict())), "result.json")) == load


def test_traffic_counts_rows_calls_questions_and_padding() -> None:
    traffic = Traffic("padded to the longest in the batch", ((10, 6), (4,)), None, 2)
    assert traffic.calls == (Workload(2, 10), Workload(1, 4))
    assert (traffic.rows, traffic.served) == (3, 2)
    assert traffic.padding == pytest.approx(4 / 24)
    assert replace(traffic, padded_to=10).padding == pytest.approx(10 / 30)


def test_a_turn_counts_by_its_median_or_by_the_wall() -> None:
    assert Turn((1.0, 2.0, 9.0), 12.0).typical == 2.0
    assert Turn((1.0, 2.0, 9.0, 8.0), 10.0, clients=2).typical == 2.5
