"""From what the user named to engines: an ONNX file or a model directory, and what to compare it with."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.spec import BERT_BASE, BERT_BASE_SHAPE, PAPER_SHAPE, Device, Engine, Runtime
from prune.arch import Encoder
from prune.errors import InputError
from prune.shape import ModelShape

if TYPE_CHECKING:
    from prune.source import Source

Weights = Literal["trained", "random"]


@dataclass(frozen=True)
class Model:
    """A model that can be measured, and what is known of it."""

    name: str
    """As the user called it."""
    engine: Engine
    original_shape: ModelShape
    dialect: str | None
    """Dialect of the ONNX graph; None: no graph."""
    precision: str
    weights: Weights
    folder: Path | None
    """Where its tokenizer and decoding settings lie; None where it has none, having random weights."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "encoder": self.engine.encoder.to_dict(),
            "shape": self.engine.shape.to_dict(),
            "original_shape": self.original_shape.to_dict(),
            "dialect": self.dialect,
            "precision": self.precision,
            "weights": self.weights,
        }


@dataclass(frozen=True)
class Opener:
    """Turns names into models for one runtime; what must be built on the way goes into `scratch`."""

    runtime: Runtime
    device: Device
    threads: int
    scratch: Path

    def open(self, name: str, *, dialect: str | None = None) -> Model:
        """The model that the user named. Raises InputError where it is none that can be measured.

        Where a graph is built from a model directory it is written in `dialect`, or in the one that serves
        the runtime best; a file stays as it is.
        """
        path = Path(name)
        if path.is_dir():
            return self._open_directory(name, path, dialect or self._dialect)
        if not path.is_file():
            raise InputError(
                f"There is no file or directory {name}; give an .onnx file that prune-export wrote, "
                "or a model directory."
            )
        return self._open_file(name, path)

    def unpruned_twin(self, model: Model) -> Model:
        """`model` before it was cut, in the same dialect and precision, with random weights.

        Latency does not depend on the weights, so the shape in a file's metadata suffices. Raises InputError
        where no such twin can be built.
        """
        from export.graph import PRECISIONS

        if model.precision not in PRECISIONS:
            raise InputError(
                f"{model.name} is in {model.precision}, and only twins in {' and '.join(PRECISIONS)} can be "
                "built to compare it with; name the file to compare with: --baseline FILE."
            )
        engine, name = model.engine, f"unpruned twin of {model.name}"
        return self._random(
            name, engine.encoder, model.original_shape, model.dialect, precision=model.precision
        )

    def paper_pair(self) -> tuple[Model, Model]:
        """(candidate, baseline): BERT-base cut as in the paper, and whole; random weights."""
        cut = self._random("BERT-base, paper's shape", BERT_BASE, PAPER_SHAPE, self._dialect)
        whole = self._random("BERT-base, unpruned", BERT_BASE, BERT_BASE_SHAPE, self._dialect)
        return replace(cut, original_shape=BERT_BASE_SHAPE), whole

    @property
    def _dialect(self) -> str | None:
        """The dialect that serves the runtime best: TensorRT does not know onnxruntime's fused operators."""
        if self.runtime == "torch":
            return None
        return "portable" if self.device == "tensorrt" else "onnxruntime"

    def _engine(self, encoder: Encoder, shape: ModelShape, path: Path | None) -> Engine:
        return Engine(self.runtime, self.device, self.threads, encoder, shape, path)

    def _open_file(self, name: str, path: Path) -> Model:
        from export.metadata import read_metadata

        metadata = read_metadata(path)
        if self.runtime == "torch":
            raise InputError(
                f"{path} is an ONNX file, and --runtime torch runs model directories; "
                "give the directory (prune-export --save-model), or another --runtime."
            )
        if self.device == "tensorrt" and metadata.dialect != "portable":
            raise InputError(
                f"{path} is in the dialect {metadata.dialect}, whose fused operators TensorRT does not know: "
                "they would silently run on CUDA; export again with prune-export ... --target portable."
            )
        return Model(
            name=name,
            engine=self._engine(metadata.encoder, metadata.shape, path.resolve()),
            original_shape=metadata.original_shape,
            dialect=metadata.dialect,
            precision=metadata.precision,
            weights="trained",
            folder=path.resolve().parent,
        )

    def _open_directory(self, name: str, path: Path, dialect: str | None) -> Model:
        from prune.source import check_directory

        source = check_directory(path, name)
        runnable = source.directory.resolve()
        if dialect is not None:
            runnable = self._export(source, dialect)
        return Model(
            name=name,
            engine=self._engine(source.encoder, source.shape, runnable),
            original_shape=source.original_shape,
            dialect=dialect,
            precision="fp32",
            weights="trained",
            folder=source.directory.resolve(),
        )

    def _export(self, source: "Source", dialect: str) -> Path:
        """The graph of trained weights; InputError where it does not compute what the model computes."""
        from export.parity import ParityError, check_parity
        from export.weights import weights_of
        from prune.checkpoint import load_source, quiet

        quiet()
        model = load_source(source)
        path = self._write(source.encoder, source.shape, weights_of(model), dialect)
        try:
            check_parity(model, path)
        except ParityError as error:
            raise InputError(f"{source.name}: {error}") from error
        return path

    def _random(
        self,
        name: str,
        encoder: Encoder,
        shape: ModelShape,
        dialect: str | None,
        *,
        precision: str = "fp32",
    ) -> Model:
        path = None
        if dialect is not None:
            from export.graph import random_weights

            try:
                weights = random_weights(encoder, shape)
            except ValueError as error:  # NumPy's for an array that no address reaches the end of
                raise InputError(f"The {name} is larger than any memory; export that file again.") from error
            path = self._write(encoder, shape, weights, dialect, precision)
        return Model(name, self._engine(encoder, shape, path), shape, dialect, precision, "random", None)

    def _write(
        self, encoder: Encoder, shape: ModelShape, weights: Any, dialect: str, precision: str = "fp32"
    ) -> Path:
        from export.graph import build_graph
        from export.write import write_onnx

        path = self.scratch / f"{len(list(self.scratch.glob('*.onnx')))}.onnx"
        write_onnx(build_graph(encoder, shape, weights, dialect=dialect, precision=precision), path)
        return path
