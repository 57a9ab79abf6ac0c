import math

import pytest
import torch

from prune.tasks.question_answering.learning import are_right, drawn_labels, label_losses, teacher_losses


def distillation_losses(
    start: torch.Tensor,
    end: torch.Tensor,
    teacher_start: torch.Tensor,
    teacher_end: torch.Tensor,
    mask: torch.Tensor,
    *,
    temperature: float,
) -> torch.Tensor:
    ours = {"start_logits": start, "end_logits": end}
    theirs = {"start_logits": teacher_start, "end_logits": teacher_end}
    return teacher_losses(ours, theirs, {"attention_mask": mask}, temperature=temperature)


def task_losses(
    start: torch.Tensor,
    end: torch.Tensor,
    mask: torch.Tensor,
    start_positions: torch.Tensor,
    end_positions: torch.Tensor,
) -> torch.Tensor:
    batch = {"attention_mask": mask, "start_positions": start_positions, "end_positions": end_positions}
    return label_losses({"start_logits": start, "end_logits": end}, batch)


def _logits(seed: int, requires_grad: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 5, generator=generator, dtype=torch.float64).requires_grad_(requires_grad)


MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
START, END = torch.tensor([4, 0, 0]), torch.tensor([4, 2, 0])


def test_cross_entropy_by_hand() -> None:
    start = torch.tensor([[math.log(3.0), 0.0, 9.0]], dtype=torch.float64)
    end = torch.tensor([[0.0, math.log(7.0), 9.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0]])
    losses = task_losses(start, end, mask, torch.tensor([0]), torch.tensor([0]))
    assert losses.tolist() == pytest.approx([(math.log(4 / 3) + math.log(8)) / 2], abs=1e-15)


def test_divergence_by_hand() -> None:
    """Student 1/4, 3/4; teacher 1/2, 1/2 at temperature 2, where logits are halved."""
    student = torch.tensor([[0.0, 2 * math.log(3.0), 5.0]], dtype=torch.float64)
    teacher = torch.tensor([[1.0, 1.0, -8.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0]])
    losses = distillation_losses(student, student, teacher, teacher, mask, temperature=2.0)
    assert losses.tolist() == pytest.approx([4 * (0.5 * math.log(2) + 0.5 * math.log(2 / 3))], abs=1e-14)


def test_nothing_to_learn_from_a_teacher_of_ones_own_mind() -> None:
    start, end = _logits(0, True), _logits(1, True)
    losses = distillation_losses(start, end, start.detach() + 3, end.detach() - 1, MASK, temperature=3.0)
    losses.sum().backward()
    assert losses.detach().abs().max() < 1e-14
    assert start.grad is not None
    assert start.grad.abs().max() < 1e-14


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_an_example_alone_has_the_loss_it_has_in_a_batch(temperature: float) -> None:
    start, end, teacher_start, teacher_end = (_logits(seed) for seed in range(4))
    together = torch.stack(
        [
            task_losses(start, end, MASK, START, END),
            distillation_losses(start, end, teacher_start, teacher_end, MASK, temperature=temperature),
        ]
    )
    for row, length in enumerate(MASK.sum(1).tolist()):
        cut = [logits[row : row + 1, :length] for logits in (start, end, teacher_start, teacher_end)]
        mask = MASK[row : row + 1, :length]
        alone = torch.stack(
            [
                task_losses(cut[0], cut[1], mask, START[row : row + 1], END[row : row + 1]),
                distillation_losses(*cut, mask, temperature=temperature),
            ]
        )
        assert alone[:, 0].tolist() == pytest.approx(together[:, row].tolist(), abs=1e-13)


def test_padding_gets_no_gradient_and_no_gradient_is_lost() -> None:
    start, end = _logits(0, True), _logits(1, True)
    losses = distillation_losses(start, end, _logits(2), _logits(3), MASK, temperature=2.0)
    losses.sum().backward()
    for logits in (start, end):
        assert logits.grad is not None
        assert logits.grad.isfinite().all()
        assert (logits.grad[MASK == 0] == 0).all()
        assert (logits.grad[0] != 0).all()
    assert torch.autograd.gradcheck(
        lambda a, b: distillation_losses(a, b, _logits(2), _logits(3), MASK, temperature=2.0), (start, end)
    )


def test_half_precision_is_widened() -> None:
    halves = [_logits(seed).bfloat16() for seed in range(4)]
    assert distillation_losses(*halves, MASK, temperature=2.0).dtype == torch.float32
    assert task_losses(halves[0], halves[1], MASK, START, END).dtype == torch.float32


def test_right_is_where_both_ends_are_and_padding_is_not_looked_at() -> None:
    start = torch.tensor([[0.0, 3.0, 1.0, 9.0], [0.0, 3.0, 1.0, 9.0], [4.0, 0.0, 0.0, 0.0]])
    end = torch.tensor([[0.0, 1.0, 2.0, 9.0], [0.0, 1.0, 2.0, 9.0], [0.0, 1.0, 0.0, 0.0]])
    batch = {
        "attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]),
        "start_positions": torch.tensor([1, 1, 0]),
        "end_positions": torch.tensor([2, 1, 0]),
    }
    outputs = {"start_logits": start, "end_logits": end}
    assert are_right(outputs, batch).tolist() == [True, False, False]


def test_labels_are_drawn_as_likely_as_the_logits_say_and_never_in_padding() -> None:
    odds = torch.tensor([1.0, 3.0, 100.0]).log().repeat(4000, 1)
    batch = {"attention_mask": torch.tensor([[1, 1, 0]]).repeat(4000, 1)}
    outputs = {"start_logits": odds, "end_logits": -odds}
    drawn, again = (drawn_labels(outputs, batch, torch.Generator().manual_seed(seed)) for seed in (0, 0))
    assert set(drawn) == {"start_positions", "end_positions"}
    for name, share in (("start_positions", 0.75), ("end_positions", 0.25)):
        assert drawn[name].max() == 1
        assert float(drawn[name].double().mean()) == pytest.approx(share, abs=0.03)
        assert drawn[name].equal(again[name])
    assert not drawn["start_positions"].equal(drawn["end_positions"])
