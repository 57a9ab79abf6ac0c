from typing import Any

import pytest
import torch
from support import tiny
from torch import Tensor
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from prune.tasks.question_answering import learning
from prune.train.objective import example_losses, hidden_losses
from prune.train.settings import TrainingSettings

MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])


def _states(seed: int, layers: int = 2) -> list[Tensor]:
    """Embeddings and `layers` outputs, [3, 5, 4] each."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, 5, 4, generator=generator, dtype=torch.float64) for _ in range(layers + 1)]


def test_hidden_distance_by_hand() -> None:
    """One layer, two real tokens of two numbers: 1, 3, 5, 7 have variance 5; off by 1, 1, 1, 3."""
    teacher = torch.tensor([[[1.0, 3.0], [5.0, 7.0], [99.0, 99.0]]], dtype=torch.float64)
    ours = torch.tensor([[[2.0, 4.0], [6.0, 10.0], [-99.0, 0.0]]], dtype=torch.float64)
    embeddings = torch.zeros_like(ours)
    losses = hidden_losses([embeddings, ours], [embeddings + 1, teacher], torch.tensor([[1, 1, 0]]))
    assert losses.tolist() == pytest.approx([(1 + 1 + 1 + 9) / 4 / 5], abs=1e-15)


def test_no_distance_from_oneself() -> None:
    assert hidden_losses(_states(0), _states(0), MASK).tolist() == [0, 0, 0]


def test_neither_scale_nor_offset_nor_company_nor_depth_matters() -> None:
    ours, theirs = _states(0), _states(1)
    losses = hidden_losses(ours, theirs, MASK)
    moved = hidden_losses([7 * state + 3 for state in ours], [7 * state + 3 for state in theirs], MASK)
    assert moved.tolist() == pytest.approx(losses.tolist(), abs=1e-12)
    for row, length in enumerate(MASK.sum(1).tolist()):
        alone = hidden_losses(
            *([state[row : row + 1, :length] for state in states] for states in (ours, theirs)),
            MASK[row : row + 1, :length],
        )
        assert alone.item() == pytest.approx(losses[row].item(), abs=1e-12)
    twice = hidden_losses([*ours, *ours[1:]], [*theirs, *theirs[1:]], MASK)
    assert twice.tolist() == pytest.approx(losses.tolist(), abs=1e-12)


def test_predicting_the_mean_costs_one() -> None:
    theirs = _states(1)
    mean = [(state * MASK[:, :, None]).sum((1, 2)) / (MASK.sum(1) * 4) for state in theirs]
    ours = [value[:, None, None].expand(3, 5, 4) for value in mean]
    assert hidden_losses(ours, theirs, MASK).tolist() == pytest.approx([1, 1, 1], abs=1e-12)


def test_padding_gets_no_gradient() -> None:
    ours = [state.requires_grad_() for state in _states(0)]
    hidden_losses(ours, _states(1), MASK).sum().backward()
    for state in ours[1:]:
        assert state.grad is not None
        assert (state.grad[MASK == 0] == 0).all()
        assert (state.grad[MASK == 1] != 0).all()


def _outputs(seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    start, end = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    return QuestionAnsweringModelOutput(start_logits=start, end_logits=end, hidden_states=_states(seed))


def test_the_parts_are_weighed() -> None:
    ours, theirs = _outputs(0), _outputs(1)
    batch = tiny.labelled({"attention_mask": MASK})
    settings = TrainingSettings(task_weight=0.3, hidden_weight=0.7, temperature=3.0)
    task = learning.label_losses(ours, batch)
    distilled = learning.teacher_losses(ours, theirs, batch, temperature=3.0)
    hidden = hidden_losses(ours.hidden_states, theirs.hidden_states, MASK)
    expected = 0.3 * task + 0.7 * distilled + 0.7 * hidden
    assert example_losses(ours, theirs, batch, learning, settings).tolist() == pytest.approx(
        expected.tolist()
    )
    assert example_losses(ours, None, batch, learning, settings).tolist() == task.tolist()
    alone = example_losses(ours, theirs, batch, learning, TrainingSettings(temperature=3.0))
    assert alone.tolist() == distilled.tolist()
