"""The whole road on models of which it is known what can go."""

from collections.abc import Iterator, Mapping

import pytest
import torch
from support import tiny, toy_family, training
from transformers import PreTrainedModel

from prune.cost import multiply_adds
from prune.cut import shrink
from prune.families.layers import encoder_and_original, layers_of, shape_of
from prune.methods.reconstruction.budget import fewer_multiply_adds
from prune.methods.reconstruction.calibrated import Calibrated, calibrate
from prune.methods.reconstruction.choice import one_shot
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.reconstruct import cut_to, reconstruct
from prune.methods.reconstruction.settings import LEAST_DAMPING, ReconstructionSettings
from prune.methods.reconstruction.sublayers import plan_of, sublayers_of
from prune.methods.target import Budget
from prune.plan import Plan
from prune.shape import ModelShape
from trellis.errors import InputError

every_family = pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])
HEAD = tiny.HEAD_SIZE


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


def calibrated(
    model: PreTrainedModel, *, seed: int = 0, damping: float = 1e-2, count: int = 80
) -> Calibrated:
    settings = ReconstructionSettings(
        pricing_windows=6, judging_windows=6, damping=damping, multiple_of=1, seed=seed
    )
    return calibrate(model, training.windows(count), settings, pad_token_id=1)


def without_first(found: Calibrated, sublayer: int, gone: int) -> Plan:
    """The plan that removes the first units of the order of one sublayer."""
    kept = [
        removal.kept(len(removal.order) - (gone if index == sublayer else 0))
        for index, removal in enumerate(found.removals)
    ]
    return plan_of(sublayers_of(found.model), kept)


def same_logits(first: PreTrainedModel, second: PreTrainedModel) -> None:
    batch = tiny.batch_for(first, (12, 7, 3), seed=5)
    torch.testing.assert_close(tiny.logits(first, batch), tiny.logits(second, batch), rtol=0, atol=1e-4)


@every_family
def test_a_duplicated_head_goes_exactly_once_and_the_logits_stay(model_type: str) -> None:
    model = tiny.model(model_type).double()
    for name in ("attention/query", "attention/key", "attention/value"):
        linear = layers_of(model)[1].linears[name]
        for weights in (linear.weight, linear.bias):
            weights.data[3 * HEAD : 4 * HEAD] = weights.data[HEAD : 2 * HEAD]
    found = calibrated(model, damping=LEAST_DAMPING)
    removal = found.removals[2]
    assert removal.order[0] in (1, 3)
    assert removal.errors[1] < 1e-3 * removal.errors[2]
    same_logits(model, one_shot(found, without_first(found, 2, 1)))


@every_family
def test_a_head_that_follows_from_another_goes_and_the_logits_stay(model_type: str) -> None:
    """It attends alike, and its values are a linear function of the other's, plus a constant."""
    model = tiny.model(model_type).double()
    linears = layers_of(model)[0].linears
    for name in ("attention/query", "attention/key"):
        for weights in (linears[name].weight, linears[name].bias):
            weights.data[:HEAD] = weights.data[HEAD : 2 * HEAD]
    mixing = torch.randn(HEAD, HEAD, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    value = linears["attention/value"]
    value.weight.data[:HEAD] = mixing @ value.weight.data[HEAD : 2 * HEAD]
    value.bias.data[:HEAD] = mixing @ value.bias.data[HEAD : 2 * HEAD] + 3
    found = calibrated(model, damping=LEAST_DAMPING)
    assert found.removals[0].order[0] in (0, 1)
    assert found.removals[0].errors[1] < 1e-3 * found.removals[0].errors[2]
    same_logits(model, one_shot(found, without_first(found, 0, 1)))


@every_family
def test_activations_that_follow_from_others_go_and_the_logits_stay(model_type: str) -> None:
    """One is another's double, one is constant, one a sum of two others and a constant, where GELU is straight."""
    model = tiny.model(model_type).double()
    widening = layers_of(model)[0].linears["ffn/intermediate"]
    weight, bias = widening.weight.data, widening.bias.data
    weight[7], bias[7] = weight[2], bias[2]
    weight[8], bias[8] = 0, 1.5
    weight[[4, 5]] *= 0.1
    bias[[4, 5]] = 40
    weight[9], bias[9] = weight[4] - 2 * weight[5], 50
    found = calibrated(model, damping=LEAST_DAMPING)
    removal = found.removals[1]
    assert set(removal.order[:3]) <= {2, 7, 8, 4, 5, 9}
    assert 8 in removal.order[:3]
    assert len({2, 7} & set(removal.order[:3])) == 1
    assert removal.errors[3] < 0.1 * removal.errors[4]
    same_logits(model, one_shot(found, without_first(found, 1, 3)))


@every_family
def test_the_budget_holds_and_every_step_brings_the_model_nearer_on_other_windows(model_type: str) -> None:
    model = tiny.model(model_type)
    budget = fewer_multiply_adds(model, 2, seq=16)
    settings = ReconstructionSettings(
        calibration_windows=200, pricing_windows=20, judging_windows=40, multiple_of=1
    )
    found = calibrate(model, training.windows(300), settings, pad_token_id=1)
    result = cut_to(found, budget)
    encoder, _ = encoder_and_original(model)
    whole, cut = (
        multiply_adds(encoder, shape, batch=1, seq=16) for shape in (tiny.WHOLE, shape_of(result.model))
    )
    assert whole / cut >= 2
    assert shape_of(result.model) == result.plan.shape
    repaired = one_shot(found, result.plan)
    deciding = Reference.of(model, found.batches(found.division.judge))
    assert result.one_shot == pytest.approx(deciding.divergence(repaired), rel=1e-6)
    assert result.rebuilt.after == pytest.approx(deciding.divergence(result.model), rel=1e-6)
    other = Reference.of(model, batches_of(model, training.windows(80, seed=9), 1))
    began, once, rebuilt = map(other.divergence, (shrink(model, result.plan), repaired, result.model))
    assert 0 < rebuilt <= once < 0.6 * began
    assert (rebuilt < once) == any(result.rebuilt.accepted)
    assert result.predicted == pytest.approx(once, rel=0.5)


def test_every_stage_reads_the_windows_that_are_its_own() -> None:
    """What goes into the model is noted under the stage that next says how far it is."""
    model = tiny.model()
    read: set[tuple[int, ...]] = set()
    by_stage: dict[str, set[tuple[int, ...]]] = {}

    def note(module: PreTrainedModel, _: tuple[object, ...], batch: dict[str, torch.Tensor]) -> None:
        read.update(_rows(batch))

    def say(what: str, done: int, total: int) -> None:
        by_stage.setdefault(what, set()).update(read)
        read.clear()

    hook = model.register_forward_pre_hook(note, with_kwargs=True)
    settings = ReconstructionSettings(
        calibration_windows=40, sensitivity_windows=10, pricing_windows=6, judging_windows=8, multiple_of=1
    )
    found = calibrate(model, training.windows(100), settings, pad_token_id=1, progress=say)
    cut_to(found, fewer_multiply_adds(model, 2), progress=say)
    hook.remove()
    calibrating, pricing, judging = (
        {row for batch in found.batches(windows) for row in _rows(batch)}
        for windows in (found.division.calibrate, found.division.price, found.division.judge)
    )
    assert (len(calibrating), len(pricing), len(judging)) == (40, 6, 8)
    assert by_stage.pop("reading the calibration text") == calibrating
    felt = by_stage.pop("finding out what the answers depend on")
    assert (len(felt), felt - calibrating) == (10, set())
    assert by_stage == {
        "ordering heads and activations": set(),
        "pricing levels": pricing,
        "rebuilding layers": calibrating | judging,
    }


def _rows(batch: Mapping[str, torch.Tensor]) -> Iterator[tuple[int, ...]]:
    """The tokens of each window of a batch, without padding."""
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        yield tuple(ids[mask == 1].tolist())


def test_more_budget_is_a_lower_price() -> None:
    model = tiny.model()
    found = calibrated(model)
    prices = [cut_to(found, fewer_multiply_adds(model, ratio)).predicted for ratio in (1.1, 1.4, 2, 3)]
    assert prices == sorted(prices)
    assert len(set(prices)) == 4


def test_the_whole_model_is_within_its_own_budget() -> None:
    model = tiny.model()
    cost = fewer_multiply_adds(model, 2).cost
    result = cut_to(calibrated(model), Budget(cost, cost(tiny.WHOLE)))
    assert result.plan.shape == tiny.WHOLE
    assert result.rebuilt.after == pytest.approx(0, abs=1e-6)


def test_seconds_may_be_the_cost_as_well_as_multiply_adds() -> None:
    """A table in which activations are free and the first layer's heads dear."""

    def seconds(shape: ModelShape) -> float:
        return 0.5 + sum(cost * layer.num_heads for cost, layer in zip((0.3, 0.1), shape.layers, strict=True))

    model = tiny.model()
    result = cut_to(calibrated(model), Budget(seconds, 1.15))
    assert seconds(result.plan.shape) <= 1.15
    assert [len(units) for units in result.plan.intermediate] == [12, 12]


def test_the_same_seed_gives_the_same_model() -> None:
    windows = training.windows(60)
    results = [
        reconstruct(
            model,
            windows,
            fewer_multiply_adds(model, 1.5),
            ReconstructionSettings(multiple_of=1, seed=seed),
            pad_token_id=0,
        )
        for seed in (0, 0, 1)
        if (model := tiny.model())
    ]
    assert results[0].plan == results[1].plan
    assert tiny.same_weights(results[0].model, results[1].model)
    assert not tiny.same_weights(results[0].model, results[2].model)


@every_family
def test_models_that_are_cut_already_are_cut_further(model_type: str) -> None:
    cut = shrink(tiny.model(model_type), tiny.UNEVEN)
    found = calibrated(cut)
    assert [len(removal.order) for removal in found.removals] == [3, 0, 0, 4]
    shape = cut_to(found, fewer_multiply_adds(cut, 1.5)).plan.shape
    shape.check_within(shape_of(cut))
    assert shape != shape_of(cut)


@every_family
def test_a_model_may_lose_all_its_units(model_type: str) -> None:
    model = tiny.model(model_type)
    cost, empty = fewer_multiply_adds(model, 2).cost, shape_of(shrink(model, tiny.EMPTY))
    result = cut_to(calibrated(model), Budget(cost, cost(empty)))
    assert shape_of(result.model) == empty


def test_the_model_stays_as_it_is() -> None:
    model = tiny.model()
    cut_to(calibrated(model), fewer_multiply_adds(model, 2))
    assert tiny.same_weights(model, tiny.model())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_what_is_impossible_is_said_with_what_is_possible() -> None:
    model = tiny.model()
    budget = fewer_multiply_adds(model, 1000)
    least = budget.cost(shape_of(shrink(model, tiny.EMPTY)))
    with pytest.raises(
        InputError, match=f"{budget.cost(tiny.WHOLE) / least:.3g} times less: ask for no more"
    ):
        cut_to(calibrated(model), budget)


@pytest.mark.parametrize("ratio", [1, 0.5, float("nan")])
def test_a_ratio_that_takes_nothing_away_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match=f"are to be {ratio:g} times fewer; expected more than 1"):
        fewer_multiply_adds(tiny.model(), ratio)


def test_a_model_with_nothing_left_is_refused() -> None:
    with pytest.raises(InputError, match="neither heads nor feed-forward activations left"):
        calibrated(shrink(tiny.model(), tiny.EMPTY))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("calibration_windows", 0),
        ("damping", 1e-6),
        ("damping", 0.0),
        ("multiple_of", 0),
        ("seed", -1),
        ("batch_size", 0),
    ],
)
def test_settings_that_make_no_sense_are_named(setting: str, value: float) -> None:
    with pytest.raises(InputError, match=f"Reconstruction's {setting}"):
        ReconstructionSettings(**{setting: value})
