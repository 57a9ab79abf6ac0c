"""The graph as it will serve, where its precision is lower than the model's: quantized, asked, calibrated."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnx

from export.graph.precision.quantizer import Quantized, Quantizer, quantize_within
from export.options import Output
from export.ports import graph_inputs, output_names
from export.runtimes.batches import batch_runner
from export.runtimes.onnxruntime import exact
from export.target import scheme_of
from prune.families.layers import encoder_and_original
from prune.pruned import Pruned
from prune.search.agreement import Agreement, agreement
from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.builtin import builtin_questions, search_questions
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import collate, pad_token_id_of
from trellis.progress import Report


@dataclass(eq=False)
class Served:
    """Looks after a graph on its way to the file: see `quantize` and `examine`, in that order."""

    pruned: Pruned
    """Whose model the graph is of."""
    output: Output
    settings: DecodingSettings
    """How answers are read from its logits."""
    progress: Report
    accuracy: Comparison | None = None
    """Of the model in fp32 and the graph in the file; None without `dev`."""
    agreement: Agreement | None = None
    """Where there is no `dev`: how far their answers to the built-in questions agree."""
    device: Literal["CPU", "GPU"] = "CPU"
    """What ran the graph in the file for those: a GPU where it is for one and onnxruntime has one."""

    def quantize(self, graph: onnx.ModelProto) -> Quantized:
        """In int8, but for what must stay in fp32 so that no more F1 is lost as served than the user allows."""
        scheme, limits = scheme_of(self.output.target), self.output.loss_limits
        quantizer = Quantizer(scheme, self._calibration() if scheme != "dynamic" or limits else [])
        return quantize_within(quantizer, graph, self._loses_little if limits else None, self.progress)

    def examine(self, file: Path) -> DecodingSettings:
        """Ask the graph in `file`; the decoding settings with its own threshold for "no answer"."""
        if not self.pruned.measured:
            self.agreement = self._agreement(file)
            return self.settings
        self.accuracy = self._compared(file)
        return self.pruned.measured.calibrated(self.settings, self.accuracy)

    def _loses_little(self, graph: onnx.ModelProto) -> bool:
        compared = self._compared(graph.SerializeToString())
        lost = {
            "max_f1_loss": compared.f1_loss,
            "max_has_answer_f1_loss": compared.has_answer_f1_loss,
        }
        return all(lost[name] <= limit for name, limit in self.output.loss_limits.items())

    def _compared(self, graph: Path | bytes) -> Comparison:
        measured = self.pruned.measured
        assert measured
        tokenizer = self.pruned.subject.tokenizer
        answers = measured.exam.ask(self._runner(graph), tokenizer, self.settings, self._report)
        return measured.exam.compare(measured.answers, answers, measured.habit)

    def _agreement(self, file: Path) -> Agreement:
        subject, threshold = self.pruned.subject, self.settings.null_threshold
        questions = search_questions(self.pruned.seed)
        ours = answer(
            questions,
            subject.tokenizer,
            self._runner(file),
            settings=self.settings,
            progress=self._report,
        )
        theirs = subject.answer(questions, self.pruned.model)
        return agreement(
            questions, *([each.answer(threshold) for each in predictions] for predictions in (theirs, ours))
        )

    def _runner(self, graph: Path | bytes) -> Run:
        # only a GPU computes in fp16 what says fp16: on the CPU onnxruntime takes fp32 for it
        encoder, _ = encoder_and_original(self.pruned.model)
        outputs = output_names(encoder)
        on_gpu = exact.on_gpu(graph, outputs) if self.output.precision == "fp16" else None
        self.device = "GPU" if on_gpu else "CPU"
        return batch_runner(on_gpu or exact.on_cpu(graph, outputs), encoder)

    def _calibration(self) -> list[dict[str, Any]]:
        """Inputs that int8 takes its ranges from: windows of the training data, or of the built-in questions."""
        subject, count, seed = self.pruned.subject, self.output.int8_windows, self.pruned.seed
        if train := self.pruned.data.train:
            windows = train.sample(count, seed, subject.tokenizer, subject.settings)
        else:
            windows = subject.windows(builtin_questions())
        takes_token_types = subject.source.encoder.takes_token_types
        pad = pad_token_id_of(subject.tokenizer)
        return [
            graph_inputs(collate([window], pad), takes_token_types)
            for window in random.Random(seed).sample(windows, min(count, len(windows)))
        ]

    def _report(self, done: int, total: int) -> None:
        self.progress(f"answering in {self.output.precision}", done, total)
