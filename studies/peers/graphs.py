"""The contestants: who wrote the graph, what runs it, whole or cut, in which precision."""

from dataclasses import dataclass, replace
from pathlib import Path

from bench.graphs import Form, best_form
from bench.workload import BERT_BASE, BERT_BASE_SHAPE, PAPER_SHAPE
from export.runtimes.engine_spec import EngineSpec
from prune.shape import ModelShape
from studies.pairs import graph_file
from trellis.cores import available_cores
from trellis.errors import InputError

SHAPES = {"whole": BERT_BASE_SHAPE, "cut": PAPER_SHAPE}

_OURS = {
    "ort": best_form("onnxruntime", "cpu", "fp32"),
    "ort-int8": best_form("onnxruntime", "cpu", "int8"),
    "openvino": best_form("openvino", "cpu", "fp32"),
    "openvino-portable": Form("portable"),
    "openvino-int8": best_form("openvino", "cpu", "int8"),
    "openvino-int8-float32": replace(best_form("openvino", "cpu", "int8"), bfloat16=False),
}
_TORCH = ("torch", "torch-compiled")


@dataclass(frozen=True)
class Contestant:
    """One way to run BERT-base."""

    way: str
    """Who wrote the graph and what runs it: of ours one of `_OURS`, else optimum, optimum-o2, traced, torch, ..."""
    cut: str
    """A key of `SHAPES`."""

    @property
    def name(self) -> str:
        """As the tables say it."""
        return f"{self.way} {self.cut}"

    @property
    def precision(self) -> str:
        """Of its products; in int8 attention's own stay float32 on onnxruntime."""
        return _OURS[self.way].precision if self.way in _OURS else "fp32"

    @property
    def shape(self) -> ModelShape:
        """Heads and activations of each layer."""
        return SHAPES[self.cut]

    def engine(self, work: Path) -> EngineSpec:
        """Ready to be timed; our own graph is written where it is not there yet.

        Raises InputError where it is another's graph and is not there.
        """
        path = None
        runtime = "openvino" if self.way.startswith("openvino") else "onnxruntime"
        if self.way in _TORCH:
            runtime = self.way
        else:
            path = work / f"{self.cut}-{self.way}.onnx"
            if self.way in _OURS:
                graph_file(path, BERT_BASE, self.shape, _OURS[self.way])
            elif not path.is_file():
                raise InputError(f"There is no {path}; first: python -m studies.peers graphs --work {work}")
        bfloat16 = self.way in _OURS and _OURS[self.way].bfloat16
        return EngineSpec(runtime, "cpu", available_cores(), BERT_BASE, self.shape, path, bfloat16=bfloat16)


def write_theirs(work: Path) -> None:
    """optimum's exported and optimized graphs, and torch's traced graph, of both shapes.

    The weights of the whole model are small random ones, as of ours; those of the cut model are its own.
    """
    import torch
    from optimum.onnxruntime import AutoOptimizationConfig, ORTModelForQuestionAnswering, ORTOptimizer

    from export.ports import input_names, output_names
    from prune.checkpoint import random_model, save

    for cut, shape in SHAPES.items():
        model = random_model(BERT_BASE, shape)
        model.config.return_dict = False
        names, outputs = input_names(BERT_BASE), output_names(BERT_BASE)
        torch.onnx.export(
            model,
            kwargs=dict.fromkeys(names, torch.ones(2, 16, dtype=torch.long)),
            f=work / f"{cut}-traced.onnx",
            input_names=list(names),
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch", 1: "sequence"} for name in (*names, *outputs)},
            opset_version=17,
            dynamo=False,
        )
        if cut == "whole":
            model.config.return_dict = True
            save(model, None, work / cut)
            exported = ORTModelForQuestionAnswering.from_pretrained(work / cut, export=True)
        else:
            # Its exporter knows one head count only; its optimizer takes any folder with a graph and a config.
            folder = work / "cut-for-optimum"
            folder.mkdir(exist_ok=True)
            (folder / "model.onnx").write_bytes((work / f"{cut}-traced.onnx").read_bytes())
            (folder / "config.json").write_bytes((work / "whole" / "config.json").read_bytes())
            exported = ORTModelForQuestionAnswering.from_pretrained(folder)
        for level in ("O2", "O3"):
            out = work / f"{cut}-{level}"
            configuration = getattr(AutoOptimizationConfig, level)()
            ORTOptimizer.from_pretrained(exported).optimize(save_dir=out, optimization_config=configuration)
            (out / "model_optimized.onnx").rename(work / f"{cut}-optimum-{level.lower()}.onnx")
        if cut == "whole":
            exported.save_pretrained(work / "exported")
            (work / "exported" / "model.onnx").rename(work / f"{cut}-optimum.onnx")
