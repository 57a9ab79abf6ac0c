"""From what the user named to files that can be believed: a model directory, checked before it is read.

Nothing here runs code from a checkpoint or unpickles anything; torch is not imported.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from prune.families.config import encoder_of
from prune.families.encoder import Encoder
from prune.families.tensors import tensors_of
from prune.hub import is_hub_id
from prune.shape import ModelShape
from trellis.errors import InputError, first_line
from trellis.files.json_file import read_json
from trellis.files.replace import settle_directory

SHAPE_KEY = "espalier_shape"
"""Where a cut model's config keeps its shape; the stock sizes beside it stay those of the uncut model."""

PROVENANCE_FILE = "provenance.json"
"""Lies in a cut model's directory: what it was cut from, and how."""

_VALUES = ("F32", "F16", "BF16", "F64")
"""Types whose numbers are the weights themselves, by safetensors' names."""

_CONVERT = (
    'python -c "import torch, safetensors.torch as s; '
    "w = torch.load('pytorch_model.bin', weights_only=True); "
    "s.save_file({k: v.clone() for k, v in w.items()}, 'model.safetensors', metadata={'format': 'pt'})\""
)


@dataclass(frozen=True)
class Stored:
    """What a safetensors header says of one tensor."""

    dtype: str
    """As safetensors calls it: F32, I64, F8_E4M3 ..."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """A model directory whose config and weight headers agree with each other."""

    name: str
    """What the user called it: a hub id, or the directory's own name."""
    directory: Path
    config: dict[str, Any]
    encoder: Encoder
    shape: ModelShape
    """The shape it has now."""
    original_shape: ModelShape
    """The shape it had before any cut."""
    weight_files: tuple[Path, ...]

    def sha256(self) -> str:
        """Hash of the weight files, in order: names the exact weights that an artifact came from."""
        digest = hashlib.sha256()
        for path in self.weight_files:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def provenance(self) -> dict[str, Any]:
        """The uncut model's name, hash and licence, and how it was cut, where that was written beside it."""
        path = self.directory / PROVENANCE_FILE
        if path.is_file():
            carried = read_json(path, "provenance file")
            if not isinstance(carried, dict):
                raise InputError(f"{path} holds no JSON object; restore or remove it.")
            return carried
        return {"model_name": self.name, "sha256": self.sha256(), "licence": self.licence()}

    def licence(self) -> str:
        """The licence that the model card states, or "unknown"."""
        card = self.directory / "README.md"
        if card.is_file():
            head = re.match(r"---\n(.*?)\n---", card.read_text(errors="replace"), re.DOTALL)
            stated = re.search(r"^license:\s*([\w.+-]+)\s*$", head.group(1), re.MULTILINE) if head else None
            if stated:
                return stated.group(1)
        return "unknown"


def open_source(model: str, *, revision: str | None = None) -> Source:
    """Find and check the model that the user named: a directory, or a hub id of the form owner/name.

    An existing directory wins over a hub id; a path that begins with "." or "/" is never fetched. Raises
    InputError for whatever cannot be believed: see `check_directory`.
    """
    directory = Path(model)
    try:
        directory = directory.expanduser()
        settle_directory(directory)
        is_directory, exists = directory.is_dir(), directory.exists()
    except (OSError, RuntimeError) as error:  # not allowed to look, a name too long, no such user's home
        raise InputError(f"{model} cannot be opened ({error}); give a model directory.") from error
    if is_directory:
        return check_directory(directory, directory.resolve().name)
    if exists:
        raise InputError(f"{model} is a file; give a model directory (config.json, model.safetensors).")
    if model.startswith((".", "/", "~")) or not is_hub_id(model):
        raise InputError(
            f"There is no directory {model}; give a model directory, or a hub id like owner/name."
        )
    return check_directory(_fetch(model, revision), model)


def check_directory(directory: Path, name: str) -> Source:
    """Read config and weight headers of a model directory, and hold them against each other.

    Raises InputError for: no or malformed config.json, an unsupported architecture, weights missing, pickled
    or truncated, a head of no task that is supported, and tensors that the config does not account for.
    """
    config = _read_config(directory)
    _check_loading(config)
    if (directory / "adapter_config.json").exists():
        raise InputError(
            f"{directory} holds an adapter (adapter_config.json); merge it into the model first."
        )
    encoder, original_shape = encoder_of(config)
    shape = original_shape
    if SHAPE_KEY in config:
        shape = ModelShape.from_dict(config[SHAPE_KEY])
        shape.check_within(original_shape)
    weight_files = _weight_files(directory)
    found: dict[str, Stored] = {}
    for path in weight_files:
        found |= _read_header(path)
    if f"{encoder.head.linears[-1].key}.weight" not in found:
        named, task = config.get("architectures"), encoder.task
        head = named[0] if isinstance(named, list) and named else "none that its config names"
        raise InputError(
            f"The model {name} has no {task.name} head (its head: {head}); give a model fine-tuned for "
            f"{task.purpose} (...{task.model_class})."
        )
    _check_tensors(encoder, shape, found, name)
    return Source(name, directory, config, encoder, shape, original_shape, weight_files)


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    if not path.is_file():
        raise InputError(f"{directory} holds no config.json, so it is no model directory.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not valid JSON ({error}); restore it from the model's source."
        ) from error
    if not isinstance(config, dict):
        raise InputError(f"{path} holds a {type(config).__name__}; expected a JSON object.")
    return config


def _check_loading(config: dict[str, Any]) -> None:
    """Raise InputError for what would make transformers read other files, or another config, than are checked here."""
    for key in ("quantization_config", "transformers_weights"):
        if config.get(key) is not None:
            raise InputError(f"The model's config has a {key}; only plain float weights are supported.")
    if config.get("pruned_heads"):
        raise InputError(
            "The model's config has pruned_heads, which some versions of transformers cut off and others do not; "
            "give a model that is saved without."
        )
    if "attribute_map" in config:
        raise InputError(
            "The model's config has an attribute_map, which renames its other fields; remove it."
        )
    for key in ("attn_implementation", "_attn_implementation"):  # may name code on the hub
        if config.get(key) not in (None, "eager", "sdpa"):
            raise InputError(f"The model's config has {key} {config[key]!r}; supported are eager and sdpa.")


def _weight_files(directory: Path) -> tuple[Path, ...]:
    single, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if single.is_file():
        return (single,)
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{index} is no index of safetensors shards; restore it.") from error
        for name in names:
            if not isinstance(name, str) or Path(name).name != name or not (directory / name).is_file():
                raise InputError(f"{index} names the shard {name!r}, which is not in {directory}.")
        return tuple(directory / name for name in names)
    if (directory / "pytorch_model.bin").is_file():
        raise InputError(
            f"{directory} holds pickled weights only (pytorch_model.bin), which are not read: a "
            f"pickle can run code. Convert them safely, in that directory: {_CONVERT}"
        )
    raise InputError(f"{directory} holds no model.safetensors; give a directory with safetensors weights.")


def _read_header(path: Path) -> dict[str, Stored]:
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            return {
                _modern(name): Stored(str(part.get_dtype()), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is truncated or no safetensors file ({error}); fetch it again.") from error


def _modern(key: str) -> str:
    """Old checkpoints call a LayerNorm's weight gamma and its bias beta; transformers renames them too."""
    return re.sub(
        r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", key)
    )


def _check_tensors(encoder: Encoder, shape: ModelShape, found: dict[str, Stored], name: str) -> None:
    """Only weights are held against the table: buffers beside them, such as position_ids, are whole numbers."""
    for tensor in tensors_of(encoder, shape).values():
        if tensor.key not in found:
            raise InputError(f"The weights of {name} lack {tensor.key}, which its config.json calls for.")
        stored = found[tensor.key]
        if stored.shape != tensor.shape:
            raise InputError(
                f"The weights of {name} and its config.json disagree: {tensor.key} is "
                f"{list(stored.shape)}, the config calls for {list(tensor.shape)}."
            )
        if stored.dtype not in _VALUES:
            raise InputError(
                f"The weights of {name} are not plain numbers: {tensor.key} is of type {stored.dtype}, which stands "
                f"for something only with a scale or a scheme beside it; give the model in {_one_of(_VALUES)}."
            )


def _one_of(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _fetch(model: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md"]
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=wanted, ignore_patterns="*/*"))
    except LocalEntryNotFoundError as error:
        raise InputError(
            f"There is no directory {model}, and the hub cannot be reached to look for a model of that name; "
            "go online, or give a directory."
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise InputError(f"The hub has no model {model} that can be read ({first_line(error)}).") from error
