"""Fitting a cut model's Linears anew, from the bottom up: on what they read now, to what the uncut model has there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import Inputs
from prune.methods.reconstruction.moments import MomentSums
from prune.methods.reconstruction.refit import refitted, set_weights
from prune.methods.reconstruction.streams import Stream
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.plan import Plan


@dataclass(frozen=True)
class Rebuilt:
    """How far the cut model was from the uncut one on the windows that decide, and what helped.

    What stays was chosen for a low `after`, which flatters: it is never above `before`. How far the cut model is on
    other windows is to be measured on others.
    """

    before: float
    """Divergence on the windows that decide, before anything was fitted anew."""
    after: float
    """The same in the end."""
    accepted: tuple[bool, ...]
    """For each sublayer, whether its Linears stayed as they were fitted anew."""


def rebuild(
    whole: PreTrainedModel,
    cut: PreTrainedModel,
    plan: Plan,
    batches: Sequence[Inputs],
    reference: Reference,
    *,
    damping: float,
    progress: Callable[[int, int], None] | None = None,
) -> Rebuilt:
    """Fit all Linears around the units of `cut`, which is `whole` cut by `plan`, in place.

    Two streams go up side by side: what `cut` reads, its lower layers fitted already, and what `whole` gives, which is
    the target: for the Linears that compute units, those units; for the one that reads them, its output. A sublayer
    stays so only if that brings `cut` nearer to `whole` in `reference`.

    `progress` gets (sublayers done, sublayers in all).
    """
    theirs, ours = sublayers_of(whole), sublayers_of(cut)
    target, source, judged = Stream(whole, batches), Stream(cut, batches), Stream(cut, reference.batches)
    tokens = [batch["attention_mask"] == 1 for batch in batches]
    best = before = reference.divergence(cut)
    accepted: list[bool] = []
    for done, (wide, narrow) in enumerate(zip(theirs, ours, strict=True), 1):
        while source.index < narrow.layer:
            for stream in (source, target, judged):
                stream.advance()
        linears = [*narrow.writers.values(), narrow.reader]
        came = [(linear.weight.detach().clone(), linear.bias.detach().clone()) for linear in linears]
        pairs = list(zip(narrow.writers.values(), wide.writers.values(), strict=True))
        if narrow.units:
            _fit(pairs, wide.columns(wide.kept(plan)), source, target, tokens, damping)
        _fit([(narrow.reader, wide.reader)], None, source, target, tokens, damping)
        found = reference.divergence_behind(judged)
        accepted.append(found < best)
        if accepted[-1]:
            best = found
        else:
            for linear, (weight, bias) in zip(linears, came, strict=True):
                set_weights(linear, weight, bias)
        if progress:
            progress(done, len(ours))
    return Rebuilt(before, best, tuple(accepted))


def _fit(
    pairs: Sequence[tuple[nn.Linear, nn.Linear]],
    rows: Tensor | None,
    source: Stream,
    target: Stream,
    tokens: Sequence[Tensor],
    damping: float,
) -> None:
    """Fit the first of each pair to what the second one gives, or to these `rows` of it."""
    sums = [MomentSums() for _ in pairs]
    for batch, is_token in enumerate(tokens):
        read, _ = source.caught(batch, inputs=[ours for ours, _ in pairs])
        _, given = target.caught(batch, outputs=[theirs for _, theirs in pairs])
        for each, inputs, outputs in zip(sums, read, given, strict=True):
            wanted = outputs if rows is None else outputs[..., rows]
            each.add(inputs[is_token], wanted[is_token])
    for ours, _ in pairs:
        set_weights(ours, *refitted(ours.weight, ours.bias, sums.pop(0).moments(), damping=damping))
