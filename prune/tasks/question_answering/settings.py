"""How a model's logits become answers: the settings that travel beside the model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from trellis.bounds import MOST_LOGIT, check_number, check_whole
from trellis.errors import InputError
from trellis.files.json_file import read_json, write_json

DECODING_FILE = "decoding.json"
"""Name under which the settings lie in a model directory."""

ALWAYS_ANSWER = MOST_LOGIT
"""A null threshold above every odds a model can give: no question is refused. Finite, to be valid JSON."""

_LEAST = {"max_length": 8, "stride": 0, "max_answer_length": 1, "max_question_length": 1}


@dataclass(frozen=True)
class DecodingSettings:
    """Sizes in tokens; a question is refused where its null odds exceed `null_threshold` (logit units).

    Raises InputError where a value is out of range.
    """

    max_length: int = 384
    """Tokens in one window: question, context and special tokens."""
    stride: int = 128
    """Tokens that neighbouring windows share."""
    max_answer_length: int = 30
    max_question_length: int = 64
    null_threshold: float = 0.0
    fitted_on: str | None = None
    """A sample of the questions that the threshold was fitted on for this very model, see
    `prune.tasks.question_answering.fitted_on`; None where it was not."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            check_whole(f"The decoding setting {name}", getattr(self, name), least)
        check_number("The decoding setting null_threshold", self.null_threshold, -MOST_LOGIT, MOST_LOGIT)
        if self.fitted_on is not None and not isinstance(self.fitted_on, str):
            raise InputError(
                f"The decoding setting fitted_on is {self.fitted_on!r}; expected the names of some questions."
            )

    @property
    def cutting(self) -> dict[str, int]:
        """What decides how a text is cut into windows, under the names that `make_windows` has for it."""
        return {name: getattr(self, name) for name in ("max_length", "stride", "max_question_length")}

    def clipped(self, longest: int) -> "DecodingSettings":
        """These settings for a model that takes at most `longest` tokens.

        Where the windows must be shortened, the question and the overlap keep to a quarter of them each.
        """
        if self.max_length <= longest:
            return self
        quarter = longest // 4
        return replace(
            self,
            max_length=longest,
            stride=min(self.stride, quarter),
            max_question_length=min(self.max_question_length, quarter),
        )

    def to_dict(self) -> dict[str, int | float | str]:
        """Plain values, for JSON; of a threshold that was not fitted nothing is said."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, data: Any) -> "DecodingSettings":
        """Inverse of `to_dict`; raises InputError naming what is wrong with untrusted `data`."""
        names = {field.name for field in fields(cls)} - {"fitted_on"}
        if not isinstance(data, Mapping) or set(data) - {"fitted_on"} != names:
            came = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise InputError(f"The decoding settings have {came}; expected {sorted(names)}.")
        return cls(**data)

    @classmethod
    def read(cls, path: Path) -> "DecodingSettings":
        """Read a file that `write` wrote; raises InputError where it is absent or not such a file."""
        return cls.from_dict(read_json(path, "file of decoding settings"))

    def write(self, path: Path) -> None:
        """Write the settings as JSON; an existing file is replaced whole."""
        write_json(path, self.to_dict(), indent=2)
