"""The folder that prune-export leaves: enough to answer questions, stamped, and never half of it."""

import json
from functools import partial
from pathlib import Path

import onnx
import pytest
from support import tiny
from support.graphs import DIALECTS, UNEQUAL, assert_equal_logits, inputs_of, onnx_logits, torch_logits
from transformers import AutoTokenizer, PreTrainedModel

import export.artifact
from export.artifact import Artifact, write_artifact
from export.metadata import properties_message, read_metadata
from prune.checkpoint import load_tokenizer
from prune.shape import ModelShape
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from trellis.errors import InputError
from trellis.version import VERSION

TEXT = ["who wrote the long letter", "the letter was written by nobody at all"]
TOKENIZER = tiny.tokenizer(TEXT)  # trained once: training breaks ties as it likes
DECODING = DecodingSettings(max_length=48, stride=16, null_threshold=1.25)


def write(model: PreTrainedModel, path: Path, dialect: str = "onnxruntime") -> Artifact:
    return write_artifact(
        model,
        TOKENIZER,
        DECODING,
        path,
        dialect=dialect,
        model_name="somebody/model",
        provenance={"method": "gain", "seed": 3, "sha256": "00ff", "licence": "mit"},
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_the_file_computes_what_the_model_computes(tmp_path: Path, model_type: str, dialect: str) -> None:
    model = tiny.model(model_type, UNEQUAL)
    artifact = write(model, tmp_path / "out.onnx", dialect)
    inputs = inputs_of(tiny.encoder(model_type), [[1] * 9, [1] * 4 + [0] * 5])
    assert_equal_logits(onnx_logits(artifact.path, inputs), torch_logits(model, inputs))
    assert artifact.bytes == artifact.path.stat().st_size


def test_it_says_where_it_came_from(tmp_path: Path) -> None:
    artifact = write(tiny.model("electra", UNEQUAL), tmp_path / "out.onnx", "portable")
    found = read_metadata(tmp_path / "out.onnx")
    assert found == artifact.metadata
    assert found.encoder == tiny.encoder("electra")
    assert found.shape == UNEQUAL
    assert found.original_shape == ModelShape.uniform(3, 4, 16)
    assert (found.dialect, found.precision, found.model_name) == ("portable", "fp32", "somebody/model")
    provenance = dict(found.provenance)
    versions = provenance.pop("versions")
    assert set(versions) == {"espalier", "torch", "transformers", "onnx"}
    assert versions["espalier"] == VERSION
    assert provenance == {"method": "gain", "seed": 3, "sha256": "00ff", "licence": "mit"}
    assert found.parity == artifact.parity.to_dict()
    assert found.parity["max_relative"] <= found.parity["tolerance"]


def test_the_stamp_makes_the_same_bytes_as_writing_it_all_at_once(tmp_path: Path) -> None:
    artifact = write(tiny.model("bert", UNEQUAL), tmp_path / "out.onnx")
    content = artifact.path.read_bytes()
    assert onnx.load(artifact.path).SerializeToString(deterministic=True) == content
    assert content.endswith(properties_message(artifact.metadata).SerializeToString(deterministic=True))


def test_writing_again_gives_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tiny.model("bert", UNEQUAL), tmp_path / folder / "out.onnx")
    first, second = (
        {file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()} for folder in ("a", "b")
    )
    assert first == second


def test_companions_stand_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("stays")
    write(tiny.model("bert", UNEQUAL), tmp_path / "out.onnx")
    names = {file.name for file in tmp_path.iterdir()}
    assert {
        "out.onnx",
        "mine.txt",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        DECODING_FILE,
    } <= names
    assert not [name for name in names if name.startswith(".")]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "bert"
    assert config["espalier_shape"] == UNEQUAL.to_dict()
    assert DecodingSettings.read(tmp_path / DECODING_FILE) == DECODING
    question = (TEXT[0], TEXT[1])
    reloaded = load_tokenizer(tmp_path, read_metadata(next(tmp_path.glob("*.onnx"))).encoder)
    assert reloaded(*question).data == TOKENIZER(*question).data
    assert AutoTokenizer.from_pretrained(tmp_path)(*question).data == reloaded(*question).data


def test_large_weights_stand_beside_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp goes to the end of a file whose weights are elsewhere; both count."""
    written = export.artifact.write_into
    monkeypatch.setattr(export.artifact, "write_into", partial(written, external_above=0))
    model = tiny.model("bert", UNEQUAL)
    artifact = write(model, tmp_path / "out.onnx")
    (data,) = tmp_path.glob("out.onnx.*.data")
    assert artifact.bytes == artifact.path.stat().st_size + data.stat().st_size
    inputs = inputs_of(tiny.encoder(), [[1] * 9])
    assert_equal_logits(onnx_logits(artifact.path, inputs), torch_logits(model, inputs))
    assert read_metadata(artifact.path) == artifact.metadata


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no directory"):
        write(tiny.model("bert", UNEQUAL), tmp_path / "absent" / "out.onnx")
    assert list(tmp_path.iterdir()) == []
