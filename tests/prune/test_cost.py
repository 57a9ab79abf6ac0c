"""What a shape costs, worked out by hand; the contract of families counts what torch does."""

from support import tiny

from prune.cost import multiply_adds, parameters
from prune.families.encoder import Encoder
from prune.shape import ModelShape


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
