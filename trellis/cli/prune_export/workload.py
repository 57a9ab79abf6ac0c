"""How much a run of prune-export computes: its windows, counted before any of them is looked at by the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from export.options import Output
from export.parity import cases
from prune.cost import multiply_adds
from prune.cost.passes import FORWARD, TRAINED, Counter, Lot, Passes, Shapes, lot_of
from prune.pruning import Pruning
from prune.tasks.question_answering.builtin import search_questions
from prune.tasks.question_answering.questions import Question


def workload(pruning: Pruning, output: Output) -> list[Passes]:
    """Everything in order.

    Left out are the sets whose questions nobody has counted, what --max-f1-loss may ask again, and engines.
    """
    after = pruning.extent.outlook(pruning.method, pruning.job).shapes
    return list(_Counted(pruning, output, after).all())


@dataclass(frozen=True)
class _Counted:
    pruning: Pruning
    output: Output
    after: Shapes
    """What the model may come out as."""

    def all(self) -> Iterator[Passes]:
        pruning, job = self.pruning, self.pruning.job
        counter, dev = job.counter, pruning.data.dev
        yield from pruning.extent.passes(pruning.method, job)
        if pruning.training.is_wanted and (train := job.training_lot()):
            yield self._training(train)
        if dev and dev.num_questions:
            lot = lot_of(job.subject, self._questions_of(dev))
            yield counter.passes("answering as it came", lot, job.shapes, FORWARD)
            if pruning.may_change:
                yield counter.passes("answering as it became", lot, self.after, FORWARD)
            if self.output.precision != "fp32":
                yield counter.passes("answering as it is served", lot, self.after, FORWARD)
        elif self.output.precision != "fp32" and not dev:
            lot = lot_of(job.subject, search_questions(job.seed))
            yield counter.passes("agreeing", lot, self.after, FORWARD)
        yield self._checking()

    def _training(self, lot: Lot) -> Passes:
        pruning, settings = self.pruning, self.pruning.job.training
        epochs = pruning.training.epochs or 0.0
        kept, held_out = lot.share(1 - settings.held_out), lot.share(settings.held_out)
        steps_per_epoch = max(1, -(-kept.count // settings.batch_size))
        steps = max(1, round(epochs * steps_per_epoch))
        every = max(1, round((settings.evaluate_every or 1) * steps_per_epoch))
        looks = -(-steps // every)  # the last step is looked at as well
        windows, looked_at = steps * settings.batch_size, looks * held_out.count
        models = [(TRAINED, self.after, pruning.job.counter)]
        if pruning.teacher:
            theirs = pruning.teacher.source
            models.append((FORWARD, (theirs.shape, theirs.shape), Counter(theirs.encoder, pruning.job.seed)))
        low = high = 0.0
        for cost, shapes, counter in models:
            steps_cost = counter.epochs(kept, settings.batch_size, windows, shapes, cost)
            low += steps_cost[0] + looks * counter.sorted(held_out, shapes[0])
            high += steps_cost[1] + looks * counter.sorted(held_out, shapes[1])
        forward = len(models) * looked_at + (len(models) - 1) * windows
        return Passes("training", (forward, forward), (windows, windows), (low, high))

    def _checking(self) -> Passes:
        encoder = self.pruning.subject.source.encoder
        sizes = [case.inputs["input_ids"].shape for case in cases(encoder)]
        rows = sum(rows for rows, _ in sizes)
        low, high = (
            2 * sum(multiply_adds(encoder, shape, batch=rows, seq=seq) for rows, seq in sizes)
            for shape in self.after
        )
        return Passes("checking the graph", (rows, rows), (0, 0), (low, high))

    @staticmethod
    def _questions_of(known: Any) -> Sequence[Question]:
        """Those of a task that has counted them has read them."""
        questions: Sequence[Question] = known.questions
        return questions
