"""What reading text takes of a tokenizer, whichever library loaded it: transformers, or `tokenizers` alone."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from prune.tasks.question_answering.alignment import aligned
from prune.tasks.question_answering.library_faults import library_faults
from prune.tasks.question_answering.sampling import set_noise_aside
from prune.tasks.question_answering.special import ROLES, reads_special_as_text
from trellis.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

NULL_POSITION = 0
"""The first token (CLS) stands for "no answer in this window", as start and as end."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A tokenizer made ready by `of`. Nobody changes its backend afterwards, so threads may share it."""

    backend: "Tokenizer"
    """Neither truncates nor pads, nor cuts words by chance; special tokens in a text are read as `special` says;
    offsets are right."""
    has_token_types: bool
    """Whether its type ids (1 for the context) are meant for the model."""
    pad_token_id: int | None
    """None where it names no padding token."""

    @classmethod
    def of(
        cls,
        backend: "Tokenizer",
        *,
        has_token_types: bool,
        pad_token_id: int | None,
        roles: Iterable[str] = (),
    ) -> "Reader":
        """Make `backend` ready, which is changed or copied; `roles` are its tokens of special.ROLES.

        Raises InputError where it puts no special token first, or fails.
        """
        with library_faults("The tokenizer cannot be used ({reason}); give the model's own."):
            backend.no_truncation()
            backend.no_padding()
            set_noise_aside(backend)
            probe = backend.encode("a", "a")
            if not probe.ids or probe.sequence_ids[NULL_POSITION] is not None:
                raise InputError(
                    "The tokenizer puts no special token before the question; question answering needs one (CLS) "
                    "to stand for 'no answer'."
                )
            backend = reads_special_as_text(backend, roles)
            backend.normalizer = aligned(backend.normalizer)
        return cls(backend, has_token_types, pad_token_id)


AnyTokenizer: TypeAlias = "PreTrainedTokenizerBase | Reader"
"""What windows can be made with."""


def reader_of(tokenizer: AnyTokenizer) -> Reader:
    """The same tokenizer as a Reader; what transformers loaded is copied, so that its owner notices nothing.

    Raises InputError for a tokenizer that is not fast or does not put a special token first.
    """
    if isinstance(tokenizer, Reader):
        return tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"The tokenizer {type(tokenizer).__name__} is not a fast one, so that it cannot tell where in "
            "the text its tokens lie; save the model with its tokenizer.json."
        )
    source: Any = tokenizer
    pad_token_id = source.pad_token_id
    return Reader.of(
        copy.deepcopy(backend_of(tokenizer)),
        has_token_types="token_type_ids" in source.model_input_names,
        pad_token_id=pad_token_id if isinstance(pad_token_id, int) else None,
        roles=[str(token) for role in ROLES if (token := getattr(source, role, None))],
    )


def backend_of(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer":
    """What a fast tokenizer of transformers reads with."""
    source: Any = tokenizer
    backend: Tokenizer = source.backend_tokenizer
    return backend
