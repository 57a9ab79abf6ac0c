"""What a shape costs, against torch's own counter and the weights themselves."""

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prune.cost import multiply_adds, parameters
from prune.families.encoder import Encoder
from prune.plan import Plan
from prune.shape import ModelShape
from prune.shrink import shrink

every_architecture = pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)


@every_architecture
@given(plan=tiny.plans(), batch=st.integers(1, 3), seq=st.integers(1, 20))
@settings(max_examples=8, deadline=None)
def test_multiply_adds_are_what_torch_counts(model_type: str, plan: Plan, batch: int, seq: int) -> None:
    model = shrink(tiny.model(model_type), plan)
    inputs = tiny.batch_for(model, (seq,) * batch)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():  # fused attention would go uncounted
        model(**inputs)
    assert counter.get_total_flops() == 2 * multiply_adds(
        tiny.encoder(model_type), plan.shape, batch=batch, seq=seq
    )


@every_architecture
@given(plan=tiny.plans())
@settings(max_examples=8, deadline=None)
def test_parameters_are_those_of_the_model(model_type: str, plan: Plan) -> None:
    model = shrink(tiny.model(model_type), plan)
    assert parameters(tiny.encoder(model_type), plan.shape) == sum(p.numel() for p in model.parameters())


def test_bert_base_has_the_figures_everybody_knows() -> None:
    bert_base = Encoder("bert", 30522, 768, 768, 64, 512, 2, 0, 1e-12)
    shape = ModelShape.uniform(12, 12, 3072)
    assert (
        parameters(bert_base, shape) == 108_893_186
    )  # 109,482,240 with the pooler, which answers do not need
    layer = 4 * 384 * 768 * 768 + 2 * 384 * 384 * 768 + 2 * 384 * 768 * 3072
    assert multiply_adds(bert_base, shape, batch=1, seq=384) == 12 * layer + 384 * 768 * 2


def test_an_empty_model_still_embeds_and_answers() -> None:
    sizes = tiny.encoder("electra")
    nothing = ModelShape.uniform(2, 0, 0)
    assert multiply_adds(sizes, nothing, batch=3, seq=5) == 15 * (16 * 2 + 8 * 16)
    whole = multiply_adds(sizes, tiny.WHOLE, batch=3, seq=5)
    assert whole - multiply_adds(sizes, nothing, batch=3, seq=5) == 2 * 15 * (
        4 * 256 + 2 * 5 * 16 + 2 * 16 * 12
    )
