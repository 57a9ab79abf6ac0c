"""What the user may name as a model, and the one sentence that each bad input gets."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny
from transformers import AutoModelForMaskedLM, BertModel

import prune
from prune.cut import shrink
from prune.source import open_source
from trellis.errors import InputError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A whole model, as saved by transformers."""
    tiny.model().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    shrink(tiny.model(), tiny.UNEVEN).save_pretrained(tmp_path / "cut")
    return tmp_path / "cut"


def refused(model: object, sentence: str) -> None:
    """Both ways in refuse `model` with one sentence or two, on one line."""
    for way_in in (open_source, prune.load):
        with pytest.raises(InputError, match=sentence) as caught:
            way_in(str(model))
        assert "\n" not in str(caught.value)


def configure(directory: Path, **changes: Any) -> Path:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return directory


def rewrite(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    weights = load_file(directory / "model.safetensors")
    change(weights)
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


# What the user names


def test_a_directory_is_opened(directory: Path, cut: Path) -> None:
    whole, smaller = open_source(str(directory)), open_source(str(cut))
    assert (whole.name, smaller.name) == ("model", "cut")
    assert whole.encoder == smaller.encoder == tiny.encoder()
    assert whole.original_shape == smaller.original_shape == whole.shape == tiny.WHOLE
    assert smaller.shape == tiny.UNEVEN.shape
    assert whole.sha256() != smaller.sha256() == open_source(str(cut)).sha256()


@pytest.mark.parametrize(
    "path", ["./a/b", "../a/b", "/a/b", "~/a/b", "a", "a/b/c", "a b/c", "a/", "-a/b", "a/b\0"]
)
def test_only_owner_slash_name_is_ever_looked_for_on_the_hub(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prune.source._fetch", lambda *_: pytest.fail("the hub was asked"))
    refused(path, f"There is no directory {re.escape(path)}; give a model directory, or a hub id")


def test_paths_that_cannot_be_looked_at_are_refused() -> None:
    refused("~nosuchuser/model", "cannot be opened")
    refused("a" * 300, "cannot be opened|There is no directory")


def test_an_existing_directory_wins_over_a_hub_id(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner").mkdir()
    directory.rename(tmp_path / "owner" / "name")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prune.source._fetch", lambda *_: pytest.fail("the hub was asked"))
    assert open_source("owner/name").directory == Path("owner/name")


def test_offline_a_hub_id_gets_one_sentence(tmp_path: Path) -> None:
    program = "import prune.source\ntry: prune.source.open_source('owner/name')\nexcept ValueError as e: print(repr(e))"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    sentence = (
        "There is no directory owner/name, and the hub cannot be reached to look for a model of that name"
    )
    assert done.stdout.startswith(f"InputError('{sentence}")
    assert done.stderr == ""


def test_a_file_is_no_model_directory(directory: Path) -> None:
    refused(directory / "config.json", "config.json is a file; give a model directory")


# The config


def test_a_directory_without_a_config_is_no_model(tmp_path: Path) -> None:
    refused(tmp_path, "holds no config.json, so it is no model directory")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "config.json is not valid JSON"),
        (b"\xff\xfe\x00", "config.json is not valid JSON"),
        (b"[" * 100_000, "config.json is not valid JSON"),
        (b"[1, 2]", "config.json holds a list; expected a JSON object"),
    ],
)
def test_a_damaged_config_is_refused(directory: Path, content: bytes, sentence: str) -> None:
    (directory / "config.json").write_bytes(content)
    refused(directory, sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "longformer"}, "architecture is 'longformer'; supported are bert, camembert, distil"),
        ({"hidden_act": "gelu_new"}, "activation is 'gelu_new'; only the exact 'gelu' is supported"),
        ({"position_embedding_type": "relative_key_query"}, "are 'relative_key_query'; only 'absolute'"),
        ({"is_decoder": True}, "configured as a decoder"),
        ({"add_cross_attention": True}, "has cross-attention"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "tells 3 labels apart"),
        ({"quantization_config": {"quant_method": "gptq"}}, "has a quantization_config; only plain float"),
        ({"transformers_weights": "elsewhere.safetensors"}, "has a transformers_weights"),
        ({"_attn_implementation": "owner/kernel"}, "'owner/kernel'; supported are eager and sdpa"),
        (
            {"hidden_size": 32},
            r"disagree: bert.embeddings.word_embeddings.weight is \[150, 16\].* \[150, 32\]",
        ),
        ({"vocab_size": 151}, r"word_embeddings.weight is \[150, 16\], the config calls for \[151, 16\]"),
        ({"num_hidden_layers": 3}, "lack bert.encoder.layer.2.attention.self.query.weight, which its config"),
        ({"intermediate_size": 16}, r"layer.0.intermediate.dense.weight is \[12, 16\], .* \[16, 16\]"),
        ({"model_type": "electra"}, "lack electra.embeddings.word_embeddings.weight"),
    ],
)
def test_configs_that_would_compute_something_else_are_refused(
    directory: Path, changes: dict[str, Any], sentence: str
) -> None:
    refused(configure(directory, **changes), sentence)


def test_what_transformers_refuses_in_a_config_is_one_sentence(directory: Path) -> None:
    configure(directory, hidden_dropout_prob="lots")
    with pytest.raises(InputError, match=r"transformers cannot build the model .* restore its config\.json"):
        prune.load(directory)


@pytest.mark.parametrize(
    "changes",
    [
        {"output_attentions": True},
        {"output_hidden_states": True},
        {"return_dict": False},
        {"torchscript": True},
        {"chunk_size_feed_forward": 3},
        {"chunk_size_feed_forward": -1},
        {"output_attentions": True, "output_hidden_states": True, "return_dict": False, "torchscript": True},
        {"output_attentions": "yes", "output_hidden_states": [1], "chunk_size_feed_forward": "all"},
    ],
)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_the_form_of_outputs_is_ours_whatever_a_config_says(
    model_type: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    model = tiny.model(model_type)
    model.save_pretrained(tmp_path / "model")
    loaded = prune.load(configure(tmp_path / "model", **changes))
    batch = tiny.batch_for(model, (7, 4))
    assert torch.equal(tiny.logits(loaded, batch), tiny.logits(model, batch))
    assert list(loaded(**batch)) == ["start_logits", "end_logits"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pruned_heads": {"0": [1]}}, "has pruned_heads, which some versions"),
        ({"attribute_map": {"hidden_size": "vocab_size"}}, "has an attribute_map, which renames"),
        (
            {"max_position_embeddings": 10**12},
            "max_position_embeddings is 1000000000000; expected at most 2147483647",
        ),
        ({"vocab_size": 10**15}, "vocab_size is 1000000000000000; expected at most"),
        ({"pad_token_id": 2**63}, "pad_token_id is 9223372036854775808; expected at most"),
        ({"pad_token_id": 150}, "pad_token_id is 150, and it has embeddings for 150 tokens only"),
        ({"pad_token_id": -1}, "pad_token_id is -1; expected a whole number of at least 0"),
        ({"hidden_size": 0}, "hidden_size is 0; expected a whole number of at least 1"),
        ({"hidden_size": -16}, "hidden_size is -16; expected a whole number"),
        ({"hidden_size": True}, "hidden_size is True; expected a whole number"),
        ({"hidden_size": 16.0}, "hidden_size is 16.0; expected a whole number"),
        ({"hidden_size": "16"}, "hidden_size is '16'; expected a whole number"),
        ({"num_hidden_layers": 10**9}, "has 1000000000 layers"),
        ({"type_vocab_size": 1e300}, r"type_vocab_size is 1e\+300; expected a whole number"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan; expected a small number"),
        ({"layer_norm_eps": "1e-12"}, "layer_norm_eps is '1e-12'; expected a small number"),
    ],
)
def test_numbers_that_no_model_has_are_refused(
    directory: Path, changes: dict[str, Any], sentence: str
) -> None:
    refused(configure(directory, **changes), sentence)


def test_a_size_under_two_names_is_refused(tmp_path: Path) -> None:
    """DistilBERT's layers are n_layers to us and either name to transformers: the one that stands last counts."""
    tiny.model("distilbert").save_pretrained(tmp_path / "model")
    configure(tmp_path / "model", num_hidden_layers=1)
    with pytest.raises(InputError, match=r"reads other sizes than these|cannot build the model"):
        prune.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ("small", "A model shape is a str; expected"),
        (None, "A model shape is a NoneType; expected"),
        ({"num_heads": [1, 2]}, "A model shape lacks its two lists"),
        ({"num_heads": [1], "intermediate_size": [1]}, "The shape has 1 layers; the model has 2"),
        ({"num_heads": [5, 0], "intermediate_size": [0, 4]}, "num_heads 5 in layer 0; the model has 4 there"),
        ({"num_heads": [3, 0], "intermediate_size": [0, 13]}, "intermediate_size 13 in layer 1"),
        ({"num_heads": [3, -1], "intermediate_size": [0, 4]}, "num_heads is -1"),
        (
            {"num_heads": [2, 0], "intermediate_size": [0, 4]},
            r"disagree: .*query.weight is \[12, 16\], .* \[8, 16\]",
        ),
    ],
)
def test_a_damaged_shape_is_refused(cut: Path, shape: object, sentence: str) -> None:
    refused(configure(cut, espalier_shape=shape), sentence)


def test_a_cut_model_whose_shape_was_lost_is_refused(cut: Path) -> None:
    config = json.loads((cut / "config.json").read_text())
    del config["espalier_shape"]
    (cut / "config.json").write_text(json.dumps(config))
    refused(cut, "disagree: bert.encoder.layer.0.attention.self.query.weight")


# The weights


def test_another_head_is_named(directory: Path) -> None:
    config = tiny.model().config
    AutoModelForMaskedLM.from_config(config).save_pretrained(directory)
    refused(
        directory, r"model has no question-answering head \(its head: BertForMaskedLM\); give a model fine"
    )
    BertModel(config).save_pretrained(directory)
    refused(directory, r"its head: BertModel")
    refused(configure(directory, architectures=None), "its head: none that its config names")
    refused(configure(directory, architectures="BertModel"), "its head: none that its config names")


def test_tensors_missing_or_of_another_size_are_named(directory: Path) -> None:
    refused(
        rewrite(directory, lambda weights: weights.pop("qa_outputs.bias")),
        "lack qa_outputs.bias, which its config",
    )
    rewrite(directory, lambda weights: weights.update({"qa_outputs.bias": torch.zeros(3)}))
    refused(directory, r"qa_outputs.bias is \[3\], the config calls for \[2\]")


WEIGHT = "bert.encoder.layer.1.output.dense.weight"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float32])
def test_weights_of_every_floating_type_are_read(directory: Path, dtype: torch.dtype) -> None:
    rewrite(directory, lambda weights: weights.update({WEIGHT: weights[WEIGHT].to(dtype)}))
    stored = load_file(directory / "model.safetensors")[WEIGHT]
    loaded = prune.load(directory).get_parameter(WEIGHT)
    assert (stored.dtype, loaded.dtype) == (dtype, torch.float32)
    assert torch.equal(loaded, stored.float())


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.bool, "BOOL"),
        (torch.uint8, "U8"),
        (torch.int8, "I8"),
        (torch.int16, "I16"),
        (torch.int32, "I32"),
        (torch.int64, "I64"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.float8_e5m2, "F8_E5M2"),
        (torch.complex64, "C64"),
    ],
)
def test_weights_of_another_type_are_refused_by_name(directory: Path, dtype: torch.dtype, name: str) -> None:
    rewrite(directory, lambda weights: weights.update({WEIGHT: weights[WEIGHT].to(dtype)}))
    refused(directory, rf"{WEIGHT} is of type {name}, .*; give the model in F32, F16, BF16 or F64\.")


def test_buffers_beside_the_weights_may_be_whole_numbers(directory: Path) -> None:
    def add(weights: dict[str, torch.Tensor]) -> None:
        weights["bert.embeddings.position_ids"] = torch.arange(64)[None]

    model = prune.load(rewrite(directory, add))
    assert tiny.same_weights(model, tiny.model())


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_a_truncated_file_is_refused(directory: Path, kept: int) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(directory, "model.safetensors is truncated or no safetensors file .*; fetch it again")


def test_no_weights_at_all_are_refused(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    refused(directory, "holds no model.safetensors; give a directory with safetensors weights")


def test_pickled_weights_are_refused_with_a_command_that_converts_them(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    weights["tied"] = weights["qa_outputs.bias"]  # safetensors refuses tensors that share memory
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    refused(directory, "holds pickled weights only .* not read: a pickle can run code. Convert them safely")
    with pytest.raises(InputError) as caught:
        open_source(str(directory))
    command = shlex.split(str(caught.value).split("in that directory: ")[1])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], cwd=directory, check=True)
    assert tiny.same_weights(prune.load(directory), tiny.model())


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        ("[]", "is no index of safetensors shards"),
        ("{", "is no index of safetensors shards"),
        ('{"weight_map": ["a"]}', "is no index of safetensors shards"),
        ('{"weight_map": {"a": ["b"]}}', "is no index of safetensors shards"),
        ('{"weight_map": {"a": 1}}', "names the shard 1, which is not in"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "names the shard 'gone.safetensors', which is not in"),
        ('{"weight_map": {"a": "../outside.safetensors"}}', r"names the shard '\.\./outside.safetensors'"),
        ('{"weight_map": {"a": ".."}}', r"names the shard '\.\.'"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "names the shard '/etc/passwd'"),
    ],
)
def test_an_index_names_only_files_beside_it(directory: Path, index: str, sentence: str) -> None:
    (directory / "model.safetensors").rename(directory.parent / "outside.safetensors")
    (directory / "model.safetensors.index.json").write_text(index)
    refused(directory, sentence)


# The card


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (None, "unknown"),
        ("# A model\nlicense: mit\n", "unknown"),
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n", "apache-2.0"),
        ("---\nlicense: [mit, other]\n---\n", "unknown"),
    ],
)
def test_the_licence_is_what_the_card_states(directory: Path, card: str | None, licence: str) -> None:
    if card:
        (directory / "README.md").write_text(card)
    assert open_source(str(directory)).licence() == licence
