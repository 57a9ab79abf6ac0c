"""What cannot be read is one sentence, the same for every command, and names what is at fault."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tiny, tiny_tokenizers
from support.folders import export_folder
from tokenizers import Tokenizer, models, normalizers

import prune
from prune.checkpoint import load_tokenizer
from prune.loaded_model import open_model
from prune.tasks.question_answering.pieces import PIECE, pieces
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import reader_of
from prune.tasks.question_answering.tokenizer_file import load_reader, read_alike
from prune.tasks.question_answering.windows import make_windows
from trellis.errors import InputError

HUGE = 2**32 - 5
ADDED = {"id": HUGE, "content": "[x]", "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}  # fmt: skip


def precompiled(charsmap: bytes) -> dict[str, Any]:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    """Sets one value of a tokenizer.json."""

    def change(state: Any) -> None:
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return change


WORDPIECE = {
    "no unknown token": (put("model", "unk_token", value="nowhere"), "has no token for characters that"),
    "an id too high": (put("model", "vocab", "tree", value=320), "gives the token 'tree' the id 320 and the model"),
    "an id of 4e9": (put("model", "vocab", "tree", value=4_000_000_000), "'tree' the id 4000000000 and the model"),
    "an added id of 4e9": (
        lambda state: state["added_tokens"].append(ADDED), f"gives the token '[x]' the id {HUGE} and the model"
    ),
    "an added id too high": (put("added_tokens", 0, "id", value=320), "gives the token '[PAD]' the id 320 and the"),
    "an added id beyond": (put("added_tokens", 0, "id", value=2**32), "is damaged or no tokenizer (invalid value"),
    "an id beyond": (put("model", "vocab", "tree", value=2**63), "is damaged or no tokenizer (invalid value"),
    "a special token's id": (
        put("post_processor", "special_tokens", "[CLS]", "ids", value=[HUGE]), f"gives a token the id {HUGE} and"
    ),
    "a special token of no id": (put("post_processor", "special_tokens", value={}), "cannot read text (no entry"),
    "padding of 2**63": (
        put("padding", value={"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None,
                              "pad_id": 2**63, "pad_type_id": 0, "pad_token": "[PAD]"}),
        "is damaged or no tokenizer (invalid value",
    ),
    "pieces of no length": (
        put("pre_tokenizer", value={"type": "FixedLength", "length": 0}), "cannot read text (chunk size"
    ),
    "no first token": (put("post_processor", "pair", value=[]), "puts no special token before the question"),
    "an expression": (
        put("pre_tokenizer", value={"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated",
                                    "invert": False}),
        "is damaged or no tokenizer (Oniguruma",
    ),
}  # fmt: skip
UNIGRAM = {
    "no unknown token": (put("model", "unk_id", value=None), "has no token for characters that"),
    "an unknown token out of range": (put("model", "unk_id", value=10**6), "is damaged or no tokenizer (Unable"),
    "an empty vocabulary": (put("model", "vocab", value=[]), "is damaged or no tokenizer (Unable to load vocab"),
    "a map of nothing": (put("normalizer", value=precompiled(b"")), "is damaged or no tokenizer (Precompiled"),
    "a map that points outside": (
        put("normalizer", value=precompiled(b"\x08\0\0\0" + b"\xff" * 7 + b"\0")), "cannot read text (index out of"
    ),
}  # fmt: skip
CASES = [("bert", tiny_tokenizers.wordpiece, *case) for case in WORDPIECE.values()]
CASES += [("xlm-roberta", tiny_tokenizers.unigram, *case) for case in UNIGRAM.values()]


def broken(folder: Path, change: Callable[[Any], None]) -> None:
    path = folder / "tokenizer.json"
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))


@pytest.mark.parametrize(("model_type", "build", "change", "sentence"), CASES, ids=[*WORDPIECE, *UNIGRAM])
def test_both_readers_refuse_alike(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], model_type: str, build: Any, change: Any, sentence: str
) -> None:
    build().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    broken(tmp_path, change)
    capfd.readouterr()
    told = []
    for load in (load_reader, load_tokenizer):
        with pytest.raises(InputError) as error:
            load(tmp_path, tiny.encoder(model_type, vocab_size=320))
        told.append(str(error.value))
    assert told[0] == told[1]
    assert sentence in told[0]
    assert "\n" not in told[0]
    assert capfd.readouterr().err == ""  # where the library panicked, it is not said beside the sentence


@pytest.mark.parametrize(
    ("change", "sentence"), [UNIGRAM["a map of nothing"], WORDPIECE["an added id of 4e9"]]
)
def test_every_command_says_so_and_exits_with_2(
    tmp_path: Path, change: Callable[[Any], None], sentence: str
) -> None:
    model, tokenizer = export_folder(tmp_path / "out")
    prune.save(model, tokenizer, tmp_path / "model")
    for folder in ("out", "model"):
        broken(tmp_path / folder, change)
    asked = {"data": [{"paragraphs": [{"context": "The tree.", "qas": [
        {"id": "1", "question": "What?", "answers": [{"text": "tree", "answer_start": 4}]}]}]}]}  # fmt: skip
    (tmp_path / "dev.json").write_text(json.dumps(asked))
    for module, *arguments in (
        ("prune_export", "model", "new/model.onnx"),
        ("answer", "out", "Who?", "--context", "dev.json"),
        ("bench", "out/model.onnx", "--dev", "dev.json", "--seq", "8", "--batch", "1"),
    ):
        (tmp_path / "new").mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", f"from trellis.cli.{module}.command import main; main()", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        said = " ".join(done.stderr.split())
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in said
        assert "Traceback" not in said
        assert "panicked" not in said
        assert not list((tmp_path / "new").iterdir())


def test_what_fails_on_some_texts_only_is_one_sentence() -> None:
    reader = reader_of(tiny_tokenizers.wordpiece())
    reader.backend.model.unk_token = "nowhere"
    for asked in (Question("", "\U000fffff", "a"), Question("", "a", "\U000fffff")):
        with pytest.raises(InputError, match="The tokenizer fails on a question or its context"):
            make_windows([asked], reader, max_length=64, stride=0, max_question_length=8)


@pytest.mark.parametrize("place", [0, PIECE + 3, 5 * PIECE])
def test_so_is_what_fails_somewhere_in_a_long_text(place: int) -> None:
    reader = reader_of(tiny_tokenizers.wordpiece())
    reader.backend.model.unk_token = "nowhere"
    context = "tree " * (6 * PIECE // 5)
    context = context[:place] + "\U000fffff" + context[place:]
    with pytest.raises(InputError, match="The tokenizer fails on a question or its context"):
        make_windows([Question("", "tree", context)], reader, max_length=64, stride=0, max_question_length=8)


def test_so_is_a_panic_where_a_long_text_is_to_be_cut() -> None:
    backend = Tokenizer(models.WordPiece({"tree": 0, "[UNK]": 1}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Precompiled(b"\x08\0\0\0" + b"\xff" * 7 + b"\0")
    with pytest.raises(InputError, match=r"The tokenizer fails on a question .* \(index out of bounds"):
        list(pieces(backend, "tree " * PIECE))


@pytest.mark.parametrize(
    "fault", [{"num_attention_heads": "four"}, {"hidden_act": 7}, {"layer_norm_eps": []}]
)
def test_a_fault_of_the_config_is_not_the_tokenizers(tmp_path: Path, fault: dict[str, Any]) -> None:
    prune.save(tiny.model(), tiny_tokenizers.wordpiece(), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fault))
    with pytest.raises(InputError) as error:
        open_model(str(tmp_path / "model"))
    assert "tokenizer" not in str(error.value)


@pytest.mark.parametrize("pad", [2**63, 320, 10**400])
def test_a_padding_id_that_is_no_token_is_the_configs_fault(tmp_path: Path, pad: int) -> None:
    prune.save(tiny.model(vocab_size=320), tiny_tokenizers.wordpiece(), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": pad}))
    with pytest.raises(InputError, match="The encoder's pad_token_id is"):
        open_model(str(tmp_path / "model"))


def sentencepiece_folder(folder: Path) -> Path:
    prune.save(tiny.model("xlm-roberta", vocab_size=320), tiny_tokenizers.unigram(), folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    (folder / "sentencepiece.bpe.model").write_bytes(tiny_tokenizers.sentencepiece_model())
    return folder


def test_sentencepieces_own_file_is_enough(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = sentencepiece_folder(tmp_path / "model")
    encoder = tiny.encoder("xlm-roberta", vocab_size=320)
    tokenizer = load_tokenizer(folder, encoder)
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    text = "Ada Birch trained the old pear tree."
    ids = reader_of(tokenizer).backend.encode(text, add_special_tokens=False).ids
    assert ids == [number + 1 if number else 3 for number in own.encode(text)]  # as fairseq counts
    tokenizer.save_pretrained(tmp_path / "saved")
    assert read_alike(load_reader(tmp_path / "saved", encoder), reader_of(tokenizer))


def test_a_full_disk_is_no_fault_of_the_tokenizer(tmp_path: Path) -> None:
    prune.save(tiny.model(vocab_size=320), tiny_tokenizers.wordpiece(), tmp_path / "model")
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom prune.checkpoint import load_tokenizer\n"
        "from prune.source import open_source\n"
        "source = open_source(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "load_tokenizer(source.directory, source.encoder)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "model"], capture_output=True, text=True)
    assert done.stderr.rstrip().splitlines()[-1] == "OSError: [Errno 27] File too large"


def test_without_sentencepiece_it_says_what_to_install(tmp_path: Path) -> None:
    folder = sentencepiece_folder(tmp_path / "model")
    program = (
        "import sys; sys.modules['sentencepiece'] = None\nfrom trellis.cli.prune_export.command import main\n"
        "sys.argv[1:] = [sys.argv[1], sys.argv[2]]\nmain()"
    )
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, folder, tmp_path / "out" / "model.onnx"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "has its tokenizer in sentencepiece.bpe.model alone" in " ".join(done.stderr.split())
    assert "pip install sentencepiece," in done.stderr
    assert "tiktoken" not in done.stderr
