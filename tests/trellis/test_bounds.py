"""Numbers and words that Python gives are held against what they may be."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

import bench
import export
import prune
from prune.methods.l0.method import L0
from prune.train.settings import TrainingSettings
from trellis.bounds import check_choices
from trellis.errors import InputError


@dataclass(frozen=True)
class Wall:
    side: Literal["north", "south", "east"] = "south"
    gate: Annotated[Literal["open", "shut"] | None, "a mark"] = None
    height: int = 2
    trees: tuple[Literal["pear", "plum"], ...] = ()

    def __post_init__(self) -> None:
        check_choices(self)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"side": "up"}, "side is 'up'; expected north, south or east."),
        ({"side": None}, "side is None; expected north, south or east."),
        ({"gate": "ajar"}, "gate is 'ajar'; expected open or shut."),
        ({"gate": ["open"]}, r"gate is \['open'\]; expected open or shut."),
    ],
)
def test_another_word_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        Wall(**given)  # type: ignore[arg-type]


def test_what_is_no_choice_of_one_is_not_looked_at() -> None:
    assert Wall(side="east", gate="open", height=-3, trees=("pear",)).gate == "open"
    assert Wall().gate is None


@pytest.mark.parametrize(
    ("group", "given"),
    [
        (export.Output, {"target": "trt"}),
        (export.Output, {"precision": "bf16"}),
        (prune.Data, {"task": "triviaqa"}),
        (L0, {"gate_loss": "kl"}),
        (TrainingSettings, {"mixed_precision": "int8"}),
        (bench.Engines, {"device": "tpu"}),
        (bench.Engines, {"timing": "wall"}),
        (bench.Questions, {"task": "triviaqa"}),
        (bench.Limits, {"test": "mean"}),
    ],
)
def test_every_group_of_options_refuses_other_words(group: type, given: dict[str, str]) -> None:
    ((name, word),) = given.items()
    with pytest.raises(InputError, match=f"^{name} is '{word}'; expected "):
        group(**given)
