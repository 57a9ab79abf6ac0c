"""From what the user named to engines: an ONNX file or a model directory, and what to compare it with."""

import glob
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from bench.graphs import Form, best_form, form_of, write_graph
from bench.workload import BERT_BASE, BERT_BASE_SHAPE, PAPER_SHAPE
from export.provenance import cpu_runtime_in
from export.runtimes import RUNTIMES, runtime_of
from export.runtimes.engine_spec import Device, EngineSpec, Timing
from export.runtimes.runtime import EngineFiles
from export.target import GraphPrecision, RuntimeName
from prune.cost import parameters
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.errors import InputError, InstallationError, Parameter
from trellis.files.replace import settle_directory

if TYPE_CHECKING:
    from export.metadata import Metadata
    from prune.source import Source

Weights = Literal["trained", "random"]


@dataclass(frozen=True)
class Model:
    """A model that can be measured, and what is known of it."""

    name: str
    """As the user called it."""
    engine: EngineSpec
    original_shape: ModelShape
    form: Form | None
    """Of the graph; None: no graph."""
    weights: Weights
    folder: Path | None
    """Where its tokenizer and decoding settings lie; None where it has none, having random weights."""
    file_bytes: int | None = None
    """Size of what is loaded, weights beside the file included; None: nothing is."""
    sha256: str | None = None
    """Digest of what is loaded; None where the weights are random: they are of no file of the user's."""

    @property
    def dialect(self) -> str | None:
        """Dialect of the ONNX graph; None: no graph."""
        return self.form.dialect if self.form else None

    @property
    def precision(self) -> str:
        """What the graph's products are computed in."""
        return self.form.precision if self.form else "fp32"


def own_runtime(names: Iterable[str], device: Device | None = None) -> RuntimeName:
    """What the models that the user named were made for; onnxruntime where none of them says it, or it runs ONNX files
    and `device` is none of its own.

    Engines say it by suffix or by the description beside them, files by their metadata, directories not at all. Raises
    InputError where they differ, or a file is none of ours.
    """
    wanted = {runtime: name for name in names if (runtime := _runtime_of(Path(name)))}
    if len(wanted) > 1:
        (first, one), (second, other) = list(wanted.items())[:2]
        raise InputError(
            "{} was made for {}, and {} for {}; say which runs them: {}, or several for a sweep.",
            *(one, first, other, second, Parameter("runtime", first)),
        )
    own: RuntimeName = next(iter(wanted), "onnxruntime")
    its = runtime_of(own)
    may_run_there = device is None or device in its.devices or its.engines
    return own if may_run_there else "onnxruntime"


def _runtime_of(path: Path) -> RuntimeName | None:
    from export.metadata import read_metadata

    if not path.is_file():
        return None  # a directory, or what is not there, which opening it will say
    if path.suffix != ".onnx":
        for name, runtime in RUNTIMES.items():
            if runtime.engines and runtime.engines.is_one(path):
                return name
    return cpu_runtime_in(read_metadata(path).provenance)


@dataclass(frozen=True)
class Opener:
    """Turns names into models for one runtime; what must be built on the way goes into `scratch`."""

    runtime: RuntimeName
    device: Device
    threads: int
    scratch: Path
    clients: int = 1
    timing: Timing = "call"
    precision: GraphPrecision = "fp32"
    """Of the paper's pair; what the user names has its own."""
    tell: Callable[[str], None] = lambda what: None
    """Called with what is being done where that takes a while."""

    def open(self, name: str, *, dialect: str | None = None) -> Model:
        """The model that the user named. Raises InputError where it is none that can be measured.

        Where a graph is built from a model directory it is written in `dialect`, or in the one that serves
        the runtime best, in fp32; a file stays as it is.
        """
        path = Path(name)
        settle_directory(path)
        if path.is_dir():
            return self._open_directory(name, path, Form(dialect) if dialect else self._best_form)
        if engines := runtime_of(self.runtime).engines:
            return self._open_engine(name, path, engines)
        if not path.is_file():
            raise InputError(
                f"There is no file or directory {name}; give an .onnx file that prune-export wrote, "
                "or a model directory."
            )
        return self._open_file(name, path)

    def unpruned_twin(self, model: Model, *, in_fp32: bool = False) -> Model:
        """`model` before it was cut, with random weights: in its own form, or in what is best there in fp32.

        Latency does not depend on the weights, so the shape in a file's metadata suffices. Raises InputError
        where no such twin can be built.
        """
        name = f"unpruned twin of {model.name}" + (" in fp32" if in_fp32 else "")
        form = self._best_form if in_fp32 else model.form
        return self._random(name, model.engine.encoder, model.original_shape, form)

    def paper_pair(self) -> tuple[Model, Model]:
        """(candidate, baseline): BERT-base cut as in the paper, and whole; random weights."""
        form = self._form(self.precision)
        cut = self._random("BERT-base, paper's shape", BERT_BASE, PAPER_SHAPE, form)
        return replace(cut, original_shape=BERT_BASE_SHAPE), self.bert_base()

    def bert_base(self) -> Model:
        """BERT-base, whole; random weights."""
        return self._random("BERT-base, unpruned", BERT_BASE, BERT_BASE_SHAPE, self._form(self.precision))

    @property
    def _best_form(self) -> Form | None:
        """What serves the runtime best in fp32."""
        return self._form("fp32")

    def _form(self, precision: GraphPrecision) -> Form | None:
        """How a graph for the runtime is written; None: it runs none. Raises InputError where it gains nothing."""
        if runtime_of(self.runtime).forms is None:
            if precision != "fp32":
                raise InputError(
                    "{} is for graphs, and {} runs none.",
                    *(Parameter("precision", precision), Parameter("runtime", self.runtime)),
                )
            return None
        return best_form(self.runtime, self.device, precision)

    def _open_file(self, name: str, path: Path) -> Model:
        from export.metadata import read_metadata

        metadata = read_metadata(path)
        runtime = runtime_of(self.runtime)
        if runtime.forms is None:
            raise InputError(
                "{} is an ONNX file, and {} runs model directories; give the directory (prune-export --save-model), or "
                "another {}.",
                *(path, Parameter("runtime", self.runtime), Parameter("runtime")),
            )
        if why := runtime.unfit(metadata.dialect, self.device):
            raise InputError(f"{path} is in the dialect {metadata.dialect}, {why}")
        return self._of_file(name, path, metadata, form_of(metadata))

    def _open_engine(self, name: str, path: Path, engines: EngineFiles) -> Model:
        metadata, profiles = engines.read(path)
        return self._of_file(name, path, metadata, form_of(metadata, profiles))

    def _of_file(self, name: str, path: Path, metadata: "Metadata", form: Form) -> Model:
        file = path.resolve()
        return self._model(
            name,
            metadata.encoder,
            metadata.shape,
            metadata.original_shape,
            file,
            form,
            "trained",
            file.parent,
        )

    def _open_directory(self, name: str, path: Path, form: Form | None) -> Model:
        from prune.source import check_directory

        source = check_directory(path, name)
        runnable = source.directory.resolve()
        if form:
            runnable = self._runnable(self._export(source, form), source.encoder, form)
        folder = source.directory.resolve()
        return self._model(
            name, source.encoder, source.shape, source.original_shape, runnable, form, "trained", folder
        )

    def _export(self, source: "Source", form: Form) -> Path:
        """The graph of trained weights; InputError where it does not compute what the model computes."""
        try:
            from export.graph.weights import weights_of
            from export.parity import ParityError, check_parity
            from prune.checkpoint import load_source, quiet
        except ImportError as error:
            raise InstallationError(
                f"{source.name} is a model directory, and reading it takes torch and transformers ({error}); "
                "install them (pip install torch transformers), or give an .onnx file that prune-export wrote."
            ) from error

        quiet()
        self.tell(f"writing the graph of {source.name}")
        model = load_source(source)
        path = self.scratch / f"{len(list(self.scratch.iterdir()))}.onnx"
        write_graph(source.encoder, source.shape, weights_of(model), form, path)
        try:
            check_parity(model, path)
        except ParityError as error:
            raise InputError(f"{source.name}: {error}") from error
        return path

    def _random(self, name: str, encoder: Encoder, shape: ModelShape, form: Form | None) -> Model:
        path = None
        if form:
            from export.graph.build import random_weights

            alike = hashlib.sha256(repr((encoder, shape, form)).encode()).hexdigest()[:16]
            path = self.scratch / f"random-{alike}.onnx"
            if not path.is_file():  # a sweep asks for it with every runtime and number of threads
                _check_size(name, encoder, shape)
                self.tell(f"writing the graph of {name}")
                weights = random_weights(encoder, shape)
                write_graph(encoder, shape, weights, form, path)
            path = self._runnable(path, encoder, form)
        return self._model(name, encoder, shape, shape, path, form, "random", None)

    def _runnable(self, path: Path, encoder: Encoder, form: Form) -> Path:
        engines = runtime_of(self.runtime).engines
        if engines is None:
            return path
        engine = path.with_suffix(engines.suffixes[0])
        return engine if engine.is_file() else engines.build(path, encoder, form.profiles, engine)

    def _model(
        self,
        name: str,
        encoder: Encoder,
        shape: ModelShape,
        original_shape: ModelShape,
        path: Path | None,
        form: Form | None,
        weights: Weights,
        folder: Path | None,
    ) -> Model:
        engine = EngineSpec(
            self.runtime,
            self.device,
            self.threads,
            encoder,
            shape,
            path,
            self.clients,
            self.timing,
            bfloat16=bool(form and form.bfloat16),
        )
        files = _loaded_files(path)
        size = sum(file.stat().st_size for file in files) or None
        digest = _digest(files) if weights == "trained" else None
        return Model(name, engine, original_shape, form, weights, folder, size, digest)


def _check_size(name: str, encoder: Encoder, shape: ModelShape) -> None:
    """Raise InputError where the weights, in float32, are more than this machine has memory for."""
    needed, memory = 4 * parameters(encoder, shape), psutil.virtual_memory().total
    if needed > memory:
        raise InputError(
            f"The {name} would have {needed >> 30:,} GiB of weights, and this machine has {memory >> 30} GiB of "
            "memory; give --baseline MODEL, or, where the file's sizes cannot be true, export it again."
        )


def _loaded_files(path: Path | None) -> list[Path]:
    if path is None:
        return []
    if path.is_dir():
        return sorted(path.glob("*.safetensors"))
    return [path, *sorted(path.parent.glob(f"{glob.escape(path.name)}.*.data"))]


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()
