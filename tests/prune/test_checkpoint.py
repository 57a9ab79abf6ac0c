"""Saving and loading: logits to the bit, stock classes, and the order of imports."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from support import tiny
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

import prune
from prune.checkpoint import load_tokenizer, random_model
from prune.cut import shrink
from prune.families import FAMILIES
from prune.families.layers import encoder_and_original, shape_of
from prune.plan import Plan, keep_all
from prune.shape import LayerShape, ModelShape
from prune.source import check_directory
from prune.tasks.question_answering import QUESTION_ANSWERING
from trellis.errors import InputError

every_architecture = pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
PLANS = {"uneven": tiny.UNEVEN, "empty": tiny.EMPTY, "whole": keep_all(tiny.WHOLE)}
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def same(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    """Whether class, names, weights and logits are equal, the last two to the bit."""
    batch = tiny.batch_for(first)
    return tiny.same_weights(first, second) and torch.equal(
        tiny.logits(first.eval(), batch), tiny.logits(second.eval(), batch)
    )


@every_plan
@every_architecture
def test_what_was_saved_loads_to_the_bit(model_type: str, plan: Plan, tmp_path: Path) -> None:
    cut = shrink(tiny.model(model_type), plan)
    prune.save(cut, None, tmp_path / "model")
    by_name = getattr(transformers, QUESTION_ANSWERING.class_in(FAMILIES[model_type]))
    for loaded in (
        prune.load(tmp_path / "model"),
        AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model"),
        by_name.from_pretrained(tmp_path / "model"),
    ):
        assert same(cut, loaded)
        assert type(loaded).__name__ == QUESTION_ANSWERING.class_in(FAMILIES[model_type])
        assert type(loaded).__module__.startswith("transformers.models.")
        assert shape_of(loaded) == plan.shape
        assert not loaded.training
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == [QUESTION_ANSWERING.class_in(FAMILIES[model_type])]
    assert ("espalier_shape" in config) == (plan.shape != tiny.WHOLE)


@every_architecture
def test_the_checked_files_and_the_live_model_agree(model_type: str, tmp_path: Path) -> None:
    prune.save(shrink(tiny.model(model_type), tiny.UNEVEN), None, tmp_path / "model")
    source = check_directory(tmp_path / "model", "model")
    loaded = prune.load(tmp_path / "model")
    assert (source.encoder, source.original_shape) == encoder_and_original(loaded)
    assert source.shape == shape_of(loaded) == tiny.UNEVEN.shape


def test_nothing_but_json_and_safetensors_is_written(tmp_path: Path) -> None:
    prune.save(tiny.model(), tiny.tokenizer(["a pear tree"]), tmp_path / "model")
    written = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= written
    assert {Path(name).suffix for name in written} <= {".json", ".safetensors"}


@every_architecture
def test_a_cut_model_trains_saves_and_loads_on(model_type: str, tmp_path: Path) -> None:
    prune.save(shrink(tiny.model(model_type), tiny.UNEVEN), None, tmp_path / "cut")
    model = prune.load(tmp_path / "cut").train()
    model(**tiny.labelled(tiny.batch_for(model))).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.save_pretrained(tmp_path / "trained")
    assert same(model, AutoModelForQuestionAnswering.from_pretrained(tmp_path / "trained"))
    assert not same(model, prune.load(tmp_path / "cut"))
    again = shrink(prune.load(tmp_path / "trained"), Plan(((0, 2), ()), ((), (3,))))
    prune.save(again, None, tmp_path / "again")
    assert same(again, prune.load(tmp_path / "again"))


@every_architecture
def test_a_model_built_from_a_config_alone_is_cut_and_initialised(model_type: str) -> None:
    config = shrink(tiny.model(model_type), tiny.UNEVEN).config
    built = AutoModelForQuestionAnswering.from_config(config)
    assert shape_of(built) == tiny.UNEVEN.shape
    assert type(built).__name__ == QUESTION_ANSWERING.class_in(FAMILIES[model_type])
    for name, parameter in built.named_parameters():
        expected = 1 if name.endswith("weight") and parameter.ndim == 1 else 0
        assert bool(((parameter - expected).abs() < 6 * config.initializer_range).all()), name


@every_architecture
def test_for_no_heads_no_attention_is_computed(
    model_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some releases of PyTorch end the process where one is asked for."""
    attend, asked = torch.nn.functional.scaled_dot_product_attention, []

    def watched(query: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        asked.append(query.shape[1])
        return attend(query, *rest, **named)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    cut = shrink(tiny.model(model_type), Plan(((), (0, 2)), ((0,), (0,))))
    prune.save(cut, None, tmp_path / "cut")
    loaded = prune.load(tmp_path / "cut")
    assert same(cut, loaded)
    assert 0 not in asked
    assert asked == [2, 2] or transformers.__version__.startswith(
        "4"
    )  # where some architectures do without it


@every_architecture
def test_copies_are_equal_and_independent(model_type: str) -> None:
    cut = shrink(tiny.model(model_type), tiny.UNEVEN)
    twin = copy.deepcopy(cut)
    assert same(cut, twin)
    twin.qa_outputs.bias.data += 1
    assert not same(cut, twin)


def test_weights_stored_in_half_precision_load_as_float32(tmp_path: Path) -> None:
    half = shrink(tiny.model(), tiny.UNEVEN).half()
    prune.save(half, None, tmp_path / "half")
    loaded = prune.load(tmp_path / "half")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert same(copy.deepcopy(half).float(), loaded)


def test_old_names_of_layer_norms_are_read(tmp_path: Path) -> None:
    model = tiny.model()
    prune.save(model, None, tmp_path / "old")
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in model.state_dict().items()
    }
    save_file(old, tmp_path / "old" / "model.safetensors", metadata={"format": "pt"})
    assert any("gamma" in key for key in old)
    assert same(model, prune.load(tmp_path / "old"))


def test_sharded_weights_are_read(tmp_path: Path) -> None:
    cut = shrink(tiny.model(), tiny.UNEVEN)
    cut.save_pretrained(tmp_path / "cut", max_shard_size="8KB")
    assert len(check_directory(tmp_path / "cut", "cut").weight_files) > 1
    assert same(cut, prune.load(tmp_path / "cut"))


def test_random_weights_depend_on_the_seed_alone() -> None:
    shape = ModelShape((LayerShape(1, 0), LayerShape(0, 3)))
    first, second, other = (random_model(tiny.encoder(), shape, seed=seed) for seed in (1, 1, 2))
    assert same(first, second)
    assert not same(first, other)
    assert shape_of(first) == shape


def test_a_model_is_replaced_but_nothing_else_is(tmp_path: Path) -> None:
    place = tmp_path / "model"
    prune.save(tiny.model(seed=1), None, place)
    prune.save(tiny.model(seed=2), None, place)
    assert same(prune.load(place), tiny.model(seed=2))
    (place / "checkpoint-500").mkdir()
    with pytest.raises(InputError, match="holds more than a model; name a new directory"):
        prune.save(tiny.model(), None, place)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("Monday")
    with pytest.raises(InputError, match="holds more than a model"):
        prune.save(tiny.model(), None, tmp_path / "notes")
    assert (tmp_path / "notes" / "diary.txt").read_text() == "Monday"
    (tmp_path / "empty").mkdir()
    prune.save(tiny.model(), None, tmp_path / "empty")


@pytest.mark.parametrize("other", ["model.onnx", "notes.txt", "training.safetensors.bak", "found.json"])
def test_what_lies_beside_a_model_is_not_taken_for_part_of_it(tmp_path: Path, other: str) -> None:
    place = tmp_path / "model"
    prune.save(
        tiny.model(), tiny.tokenizer(["a tree"]), place, beside={"provenance.json": {}, "decoding.json": {}}
    )
    prune.save(tiny.model(), tiny.tokenizer(["a tree"]), place)
    (place / other).write_text("mine")
    with pytest.raises(InputError, match="holds more than a model"):
        prune.save(tiny.model(), None, place)
    assert (place / other).read_text() == "mine"


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    prune.save(tiny.model(), None, tmp_path / "model")
    with pytest.raises(InputError, match=r"holds no tokenizer; copy tokenizer\.json"):
        load_tokenizer(tmp_path / "model", tiny.encoder())
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json is damaged or no tokenizer \(.+\); restore it"):
        load_tokenizer(tmp_path / "model", tiny.encoder())


def test_the_tokenizer_is_saved_beside_the_model(tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer(["the old pear tree was trained against the wall"])
    prune.save(tiny.model(), tokenizer, tmp_path / "model")
    loaded = load_tokenizer(tmp_path / "model", tiny.encoder())
    assert loaded("pear", "old wall")["input_ids"] == tokenizer("pear", "old wall")["input_ids"]


_PRINT_LOGITS = """
import sys, torch
ids = torch.arange(3, 12).view(1, 9)
for directory in sys.argv[1:]:
    model = AutoModelForQuestionAnswering.from_pretrained(directory)
    with torch.no_grad():
        print(type(model).__module__, model(input_ids=ids).start_logits.flatten().tolist(), flush=True)
"""
_STOCK = "from transformers import AutoModelForQuestionAnswering\n"


def in_a_process(imports: str, *directories: Path) -> subprocess.CompletedProcess[str]:
    """Load the directories by AutoModel in a fresh Python and print class and logits of each."""
    program = imports + _PRINT_LOGITS
    return subprocess.run(
        [sys.executable, "-c", program, *directories], capture_output=True, text=True, check=False
    )


def printed(model: PreTrainedModel) -> str:
    """What a process prints of a model equal to this."""
    with torch.no_grad():
        logits = model(input_ids=torch.arange(3, 12).view(1, 9)).start_logits
    return f"{type(model).__module__} {logits.flatten().tolist()}\n"


@pytest.mark.parametrize(
    "imports",
    ["import prune\n" + _STOCK, _STOCK + "import prune\n", "import transformers, prune\n" + _STOCK],
    ids=["prune first", "prune last", "prune between"],
)
def test_importing_prune_is_enough_in_any_order(imports: str, tmp_path: Path) -> None:
    models = [
        shrink(tiny.model("roberta"), tiny.UNEVEN),
        shrink(tiny.model("distilbert"), tiny.EMPTY),
        tiny.model(),
    ]
    for number, model in enumerate(models):
        model.save_pretrained(tmp_path / str(number))
    done = in_a_process(imports, *(tmp_path / str(number) for number in range(len(models))))
    assert done.stdout == "".join(map(printed, models)), done.stderr


def test_without_prune_whole_models_load_and_cut_ones_fail_for_their_sizes(tmp_path: Path) -> None:
    whole = tiny.model()
    whole.save_pretrained(tmp_path / "whole")
    shrink(whole, tiny.UNEVEN).save_pretrained(tmp_path / "cut")
    done = in_a_process(_STOCK, tmp_path / "whole", tmp_path / "cut")
    assert done.stdout == printed(whole)
    assert done.returncode != 0
    assert "mismatch" in done.stderr
