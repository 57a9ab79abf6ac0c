"""What the answers feel: gradients against finite differences, and units that they do not feel."""

from collections.abc import Iterator

import pytest
import torch
from support import tiny, toy_family, training
from torch import Tensor

from prune.families.layers import encoder_and_original
from prune.methods.reconstruction.calibration import reader_moments
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.obs import removal_order
from prune.methods.reconstruction.sensitivity import output_metrics, weighed
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.tasks.learning import learning_of

every_family = pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


def test_it_is_the_mean_outer_product_of_what_a_small_change_of_the_output_does_to_the_loss() -> None:
    model = tiny.model().double()
    batch = tiny.batch_for(model, (3, 2))
    learning = learning_of(encoder_and_original(model)[0].task)
    with torch.no_grad():
        labels = learning.drawn_labels(model(**batch), batch, torch.Generator().manual_seed(4))
    for index in (0, 3):
        reader = sublayers_of(model)[index].reader

        def loss(change: Tensor, reader: torch.nn.Linear = reader) -> Tensor:
            hook = reader.register_forward_hook(lambda _, __, output: output + change)
            try:
                with torch.no_grad():
                    return learning.label_losses(model(**batch), {**batch, **labels}).sum()
            finally:
                hook.remove()

        gradient = torch.zeros(2, 3, 16, dtype=torch.float64)
        for place in range(gradient.numel()):
            step = torch.zeros_like(gradient)
            step.view(-1)[place] = 1e-5
            gradient.view(-1)[place] = (loss(step) - loss(-step)) / 2e-5
        felt = gradient[batch["attention_mask"] == 1]
        metric = output_metrics(model, [batch], seed=4)[index]
        torch.testing.assert_close(metric, felt.T @ felt / 5, rtol=1e-4, atol=1e-9)


@every_family
def test_the_same_seed_feels_the_same_and_nothing_is_left_on_the_model(model_type: str) -> None:
    model = tiny.model(model_type).train()
    batches = batches_of(model, training.windows(8), 1, 4)
    first, second, other = (output_metrics(model, batches, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])
    assert model.training
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_change_costs_what_the_metric_says() -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(5, 5, dtype=torch.float64, generator=generator)
    metric, change = factor @ factor.T, torch.randn(5, 7, dtype=torch.float64, generator=generator)
    damped = metric + 1e-3 * metric.trace() / 5 * torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(weighed(change, metric).square().sum(0), ((damped @ change) * change).sum(0))


@every_family
def test_units_that_only_write_where_nothing_is_felt_go_first(model_type: str) -> None:
    """The last layer's norm takes off the mean over the hidden state: what moves all of it alike is not felt."""
    model = tiny.model(model_type).double()
    sublayer = sublayers_of(model)[-1]
    sublayer.reader.weight.data[:, [2, 9]] = 0.6
    batches = batches_of(model, training.windows(40), 1)
    moments = reader_moments(model, batches)[-1]
    metric = output_metrics(model, batches, seed=0)[-1]
    plain = removal_order(sublayer.reader.weight, moments.scatter, 1)
    felt = removal_order(weighed(sublayer.reader.weight, metric), moments.scatter, 1)
    assert abs(metric.sum()) < 1e-12 * metric.trace()
    assert {2, 9} <= set(felt.order[:3])
    assert not {2, 9} & set(plain.order[:4])
