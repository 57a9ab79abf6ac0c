"""From a model as it became to a file that runs: the graph in the form of its target, checked, and its engine."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from export.artifact import Artifact, write_artifact
from export.graph.precision.static import NEEDS_NNCF
from export.options import Output
from export.provenance import TARGET
from export.quantize_and_evaluate import Served
from export.runtimes.tensorrt.build import BuiltEngine, build_engine
from export.runtimes.tensorrt.library import find_library
from export.runtimes.tensorrt.profile import Profile, check_profiles, default_profiles, parse_profiles
from export.target import dialect_of, scheme_of
from prune.families.encoder import Encoder
from prune.options import Amount
from prune.pruned import Pruned
from prune.pruning import prune
from trellis.errors import InputError
from trellis.progress import Report


@dataclass(frozen=True)
class Exported:
    """What was written."""

    artifact: Artifact
    """The ONNX file, and how it compares with the model in PyTorch."""
    served: Served
    """How the graph answers where it is not in fp32, as the model after is."""
    engine: BuiltEngine | None
    """TensorRT's, where one was wanted."""


def export(
    model: Pruned | str | Path,
    out: str | Path,
    output: Output | None = None,
    *,
    progress: Report = lambda what, done, total: None,
) -> Exported:
    """Write `out` and, beside it, tokenizer, config and decoding settings: a folder that is enough to answer questions.

    Nothing takes its place before the graph was held against the model in PyTorch.

    Args:
        model: What `prune.prune` returned; or the name of a model directory, or a hub id, which is exported as it is.
        out: The ONNX file to write.
        output: What is to run it, and in which precision; by default onnxruntime, in fp32.
        progress: Called with (what is done, units done, units in all).

    Returns:
        The file with its parity, how it answers in its precision, and the engine, if one was wanted.

    Raises:
        InputError: It cannot be written there, or not for that target; what it names are parameters.
        export.parity.ParityError: The graph is not the model; then nothing is written.
    """
    out, output = Path(out), output or Output()
    check_machine(output)
    output.check_with(isinstance(model, Pruned) and model.data.dev is not None)
    pruned = model if isinstance(model, Pruned) else prune(model, Amount(no_prune=True))
    profiles = profiles_of(output, pruned.subject.source.encoder)
    settings = pruned.settings
    if output.precision != "fp32" and settings.fitted_on == pruned.subject.settings.fitted_on:
        settings = replace(settings, fitted_on=None)  # that was another model
    progress("writing and checking the graph", 0, 1)
    served = Served(pruned, output, settings, progress)
    artifact = write_artifact(
        pruned.model,
        pruned.subject.tokenizer,
        settings,
        out,
        dialect=dialect_of(output.target, output.precision),
        precision=output.precision,
        model_name=str(pruned.provenance.get("model_name", pruned.subject.source.name)),
        provenance={**pruned.provenance, TARGET: output.target},
        quantize=served.quantize if output.precision == "int8" else None,
        examine=served.examine if output.precision != "fp32" else None,
    )
    engine = None
    if output.engine:
        engine = build_engine(
            artifact.path, profiles, output.engine, timing_cache=output.timing_cache, progress=progress
        )
    return Exported(artifact, served, engine)


def check_machine(output: Output) -> None:
    """Raise InputError where what is installed here cannot write what is wanted."""
    if output.precision == "int8" and scheme_of(output.target) != "dynamic" and not find_spec("nncf"):
        raise InputError(NEEDS_NNCF)


def profiles_of(output: Output, encoder: Encoder) -> tuple[Profile, ...]:
    """The sizes that the engine is to serve, if one is to be built.

    Raises InputError where they do not fit the model, or no library is here to build it.
    """
    if not output.engine:
        return ()
    find_library()
    if output.profiles is None:
        return default_profiles(encoder)
    profiles = parse_profiles(output.profiles)
    check_profiles(profiles, encoder)
    return profiles
