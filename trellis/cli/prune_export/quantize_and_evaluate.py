"""The graph as it will serve, where its precision is lower than the model's: quantized, asked, calibrated."""

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import onnx
from transformers import PreTrainedModel

from export.graph.precision.quantizer import Quantized, Quantizer, quantize_within
from export.ports import graph_inputs
from export.runtimes.onnxruntime import graph_runner, open_gpu_session, open_session
from export.target import scheme_of
from prune.families.layers import encoder_and_original
from prune.loaded_model import LoadedModel
from prune.search.agreement import Agreement, agreement
from prune.stages import Progress
from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.builtin import builtin_questions, search_questions
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.fitted_on import sample_of
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.task import Exam
from prune.tasks.question_answering.windows import collate, pad_token_id_of
from trellis.cli.prune_export.data import Data
from trellis.cli.prune_export.request import Request


@dataclass(frozen=True)
class Measured:
    """What the model answered in PyTorch, in fp32, and how that compares with the model as it came."""

    exam: Exam[Any]
    answers: Any
    accuracy: Comparison
    habit: Habit
    """Of the model as it came."""


@dataclass(eq=False)
class Served:
    """Looks after a graph on its way to the file: see `quantize` and `examine`, in that order."""

    request: Request
    subject: LoadedModel
    model: PreTrainedModel
    """The one that the graph is of."""
    data: Data
    measured: Measured | None
    settings: DecodingSettings
    progress: Progress
    accuracy: Comparison | None = None
    """Of the model in fp32 and the graph in the file; None without --dev."""
    agreement: Agreement | None = None
    """Where there is no --dev: how far their answers to the built-in questions agree."""
    device: Literal["CPU", "GPU"] = "CPU"
    """What ran the graph in the file for those: a GPU where it is for one and onnxruntime has one."""

    def quantize(self, graph: onnx.ModelProto) -> Quantized:
        """In int8, but for what must stay in fp32 so that no more F1 is lost as served than the user allows."""
        scheme, limits = scheme_of(self.request.output.target), self.request.output.loss_limits
        quantizer = Quantizer(scheme, self._calibration() if scheme != "dynamic" or limits else [])
        return quantize_within(quantizer, graph, self._loses_little if limits else None, self.progress)

    def examine(self, file: Path) -> DecodingSettings:
        """Ask the graph in `file`; the decoding settings with its own threshold for "no answer"."""
        if not self.measured:
            self.agreement = self._agreement(file)
            return self.settings
        self.accuracy = self._compared(file)
        return calibrated(self.settings, self.accuracy, self.measured)

    def _loses_little(self, graph: onnx.ModelProto) -> bool:
        compared = self._compared(graph.SerializeToString())
        lost = {
            "max_f1_loss": compared.f1_loss,
            "max_has_answer_f1_loss": compared.has_answer_f1_loss,
        }
        return all(lost[name] <= limit for name, limit in self.request.output.loss_limits.items())

    def _compared(self, graph: Path | bytes) -> Comparison:
        assert self.measured
        answers = self.measured.exam.ask(
            self._runner(graph),
            self.subject.tokenizer,
            self.settings,
            self._report,
        )
        return self.measured.exam.compare(self.measured.answers, answers, self.measured.habit)

    def _agreement(self, file: Path) -> Agreement:
        questions, threshold = search_questions(self.request.seed), self.settings.null_threshold
        ours = answer(
            questions,
            self.subject.tokenizer,
            self._runner(file),
            settings=self.settings,
            progress=self._report,
        )
        theirs = self.subject.answer(questions, self.model)
        return agreement(
            questions, *([each.answer(threshold) for each in predictions] for predictions in (theirs, ours))
        )

    def _runner(self, graph: Path | bytes) -> Run:
        # only a GPU computes in fp16 what says fp16: on the CPU onnxruntime takes fp32 for it
        session = open_gpu_session(graph) if self.request.output.precision == "fp16" else None
        self.device = "GPU" if session else "CPU"
        return graph_runner(session or open_session(graph), encoder_and_original(self.model)[0])

    def _calibration(self) -> list[dict[str, Any]]:
        """Inputs that int8 takes its ranges from: windows of the training data, or of the built-in questions."""
        subject, count, seed = self.subject, self.request.output.int8_windows, self.request.seed
        if self.data.train:
            windows = self.data.train.sample(count, seed, subject.tokenizer, subject.settings)
        else:
            windows = subject.windows(builtin_questions())
        takes_token_types = subject.source.encoder.takes_token_types
        pad = pad_token_id_of(subject.tokenizer)
        return [
            graph_inputs(collate([window], pad), takes_token_types)
            for window in random.Random(seed).sample(windows, min(count, len(windows)))
        ]

    def _report(self, done: int, total: int) -> None:
        self.progress(f"answering in {self.request.output.precision}", done, total)


def calibrated(settings: DecodingSettings, accuracy: Comparison, measured: Measured) -> DecodingSettings:
    """With the threshold for "no answer" that `accuracy` fitted to the model after, if its questions told one."""
    if accuracy.null_threshold is None:
        return settings
    fitted_on = sample_of(measured.exam.questions_of(measured.answers))
    return replace(settings, null_threshold=accuracy.null_threshold, fitted_on=fitted_on)
