"""One reader serves windows of any size, and transformers' tokenizer is left as it was."""

from support import tiny_tokenizers
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import reader_of
from prune.tasks.question_answering.windows import Windower, make_windows, pad_token_id_of

ASKED = [
    Question("q", "Who [SEP] pruned it? " * 9, "Ada Birch pruned the [CLS] old pear tree </s> in 1871. " * 9)
]
SIZES = [
    {"max_length": 32, "stride": 6, "max_question_length": 8},
    {"max_length": 64, "stride": 0, "max_question_length": 30},
    {"max_length": 512, "stride": 100, "max_question_length": 64},
]


def test_windows_of_a_reader_are_those_of_its_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    reader = reader_of(tokenizer)
    windowers = [Windower.of(reader, **sizes) for sizes in SIZES]
    for _ in range(2):
        for windower, sizes in zip(windowers, SIZES, strict=True):
            found, expected = windower.windows(ASKED), make_windows(ASKED, tokenizer, **sizes)
            assert [one.input_ids.tolist() for one in found] == [one.input_ids.tolist() for one in expected]
            assert [one.offsets.tolist() for one in found] == [one.offsets.tolist() for one in expected]
            assert [one.token_type_ids is None for one in found] == [
                one.token_type_ids is None for one in expected
            ]
    assert reader.backend.truncation is None
    assert pad_token_id_of(reader) == pad_token_id_of(tokenizer)


def test_a_reader_is_its_own_reader_and_leaves_the_tokenizer_alone() -> None:
    tokenizer = tiny_tokenizers.wordpiece()
    tokenizer.backend_tokenizer.enable_truncation(12)
    before = tokenizer.backend_tokenizer.to_str()
    reader = reader_of(tokenizer)
    assert reader_of(reader) is reader
    assert tokenizer.backend_tokenizer.to_str() == before
    assert not tokenizer.backend_tokenizer.encode_special_tokens
    assert (reader.pad_token_id, reader.has_token_types, reader.backend.truncation) == (0, True, None)
