"""What is measured, as plain values that the parent and its workers share through JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as shortened
from statistics import median
from typing import Annotated, Any, Literal

from bench.json_field import Field
from prune.families.encoder import Encoder
from prune.shape import LayerShape, ModelShape
from trellis.errors import InputError, Parameter
from trellis.options import Share, Unset, Value

Role = Literal["baseline", "candidate"]
ROLES: tuple[Role, Role] = ("baseline", "candidate")
Tested = Literal["estimate", "bound"]
"""What of a figure a limit is held against: itself, or the end of its interval that is worse for us."""

MIN_BLOCKS = 3
"""Blocks per launch under which no launch goes, however long a call takes: a median needs three."""
MIN_LAUNCHES = 2
"""Launches under which there is no interval: it rests on how launches differ."""

MOST_ROWS, MOST_TOKENS = 2**16, 2**16
"""In a call, and in a row of it: far more than any model serves, and few enough to be told so in time."""
MOST_LAUNCHES, MOST_BLOCKS = 1000, 1_000_000
AIM = 150.0
"""Seconds that a measurement at one operating point is to take where no limit is given."""
LONGEST = 7 * 24 * 3600
"""Seconds at one operating point."""


def check_whole(name: str, value: int, least: int, most: int, what: str) -> None:
    """Raise InputError, saying `what` is to be given, where the `value` of the parameter `name` is out of range."""
    if not least <= value <= most:
        raise InputError(
            "{} is {}; give {}, {} to {:,}.", Parameter(name), shortened(value), what, least, most
        )


@dataclass(frozen=True)
class Workload:
    """One operating point: `batch` sequences of `seq` tokens each, in one call."""

    batch: int
    seq: int

    def __post_init__(self) -> None:
        check_whole("batch", self.batch, 1, MOST_ROWS, "the number of sequences per call")
        check_whole("seq", self.seq, 1, MOST_TOKENS, "the number of tokens per sequence")

    @property
    def calls(self) -> tuple["Workload", ...]:
        """The calls that make up one timed unit: just this one."""
        return (self,)

    @property
    def rows(self) -> int:
        """Sequences in one timed unit."""
        return self.batch

    @property
    def served(self) -> int:
        """What throughput counts: sequences."""
        return self.batch

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"batch": self.batch, "seq": self.seq}


@dataclass(frozen=True)
class Traffic:
    """What one timed unit consists of where lengths are unequal: several calls, one after the other."""

    arrangement: str
    """How the windows were put together."""
    batches: tuple[tuple[int, ...], ...]
    """For each call the lengths of its rows in tokens; the call is as long as the longest of them."""
    padded_to: int | None = None
    """Length of every call; None: of the longest row in it."""
    questions: int = 0
    """How many questions the windows are of."""

    @property
    def calls(self) -> tuple[Workload, ...]:
        """Their sizes, padding included."""
        return tuple(Workload(len(rows), self.padded_to or max(rows)) for rows in self.batches)

    @property
    def rows(self) -> int:
        """Sequences in one timed unit."""
        return sum(map(len, self.batches))

    @property
    def served(self) -> int:
        """What throughput counts: questions."""
        return self.questions

    @property
    def padding(self) -> float:
        """Share of the tokens computed that are padding."""
        computed = sum(call.batch * call.seq for call in self.calls)
        return 1 - sum(map(sum, self.batches)) / computed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "arrangement": self.arrangement,
            "batches": [list(rows) for rows in self.batches],
            "padded_to": self.padded_to,
            "questions": self.questions,
        }


Load = Workload | Traffic
"""What an engine is asked for in one timed unit."""


def where_of(loads: Mapping[Role, Load]) -> str:
    """The operating point, in words."""
    load, other = loads["candidate"], loads["baseline"]
    if isinstance(load, Workload):
        return f"batch {load.batch}, seq {load.seq}"
    instead = "" if isinstance(other, Workload) or other == load else f", baseline {other.arrangement}"
    return f"{load.arrangement}{instead}"


def load_from_field(field: Field) -> Load:
    """Inverse of both `to_dict`; raises InputError naming what is wrong with untrusted JSON."""
    if "batch" in field.fields():
        return Workload(
            field["batch"].whole(least=1, most=MOST_ROWS), field["seq"].whole(least=1, most=MOST_TOKENS)
        )
    batches = [batch.items(least=1) for batch in field["batches"].items(least=1)]
    return Traffic(
        field["arrangement"].text(),
        tuple(tuple(_tokens(row) for row in rows) for rows in batches),
        field["padded_to"].or_none(_tokens),
        field["questions"].whole(least=0),
    )


def _tokens(field: Field) -> int:
    return field.whole(least=1, most=MOST_TOKENS)


@dataclass(frozen=True)
class Turn:
    """What one engine did while the other was stopped."""

    seconds: tuple[float, ...]
    """Each timed unit's own."""
    wall: float
    """From the first one's start to the last one's end: less than their sum where clients work side by side."""
    clients: int = 1

    @property
    def typical(self) -> float:
        """Seconds per unit: the median; with several clients the wall's share of each."""
        return median(self.seconds) if self.clients == 1 else self.wall / len(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"seconds": list(self.seconds), "wall": self.wall}

    @classmethod
    def from_field(cls, field: Field, clients: int) -> "Turn":
        """Inverse of `to_dict`, of an engine that so many call; raises InputError where `field` is damaged."""
        seconds = tuple(second.seconds() for second in field["seconds"].items(least=1))
        return cls(seconds, field["wall"].seconds(), clients)


@dataclass(frozen=True)
class Effort:
    """How exactly it is measured, and how long that may take."""

    launches: int = 5
    """Starts of both engines before it is decided how often they are started in all."""
    blocks: int = 6
    """Blocks in a launch, at most; a block is two turns of each engine."""
    goal: Annotated[Share, Unset("2%")] = 0.02
    """How far the interval of the speed-up may reach to either side."""
    max_time: Annotated[float | None, Value("SECONDS"), Unset(f"no limit; {AIM:g} are aimed at")] = None
    """Limit for each operating point. What does not fit is made with fewer launches, blocks and questions of `lengths`,
    or refused."""
    aim: float = AIM
    """Seconds to aim at for each operating point where there is no limit: slow calls get fewer blocks, never under
    MIN_BLOCKS."""

    def __post_init__(self) -> None:
        launches = "how often both engines start; the interval rests on how these differ"
        check_whole("launches", self.launches, MIN_LAUNCHES, MOST_LAUNCHES, launches)
        check_whole("blocks", self.blocks, MIN_BLOCKS, MOST_BLOCKS, "the blocks of a launch")
        if not 0 < self.goal < 1:
            raise InputError(
                "{} is {:g}; give a share above 0 and below 1, like 2%.",
                *(Parameter("goal"), self.goal),
            )
        for name, seconds in (("max_time", self.max_time), ("aim", self.aim)):
            if seconds is not None and not 0 < seconds <= LONGEST:
                raise InputError(
                    "{} is {:g}; give seconds above 0, {:,} (a week) at most.",
                    Parameter(name),
                    seconds,
                    LONGEST,
                )

    @property
    def firm(self) -> bool:
        """Whether the time is a limit: then there may be fewer launches and blocks still, or none, which is refused."""
        return self.max_time is not None

    @property
    def seconds(self) -> float:
        """That are aimed at for each operating point, or that there are."""
        return self.aim if self.max_time is None else self.max_time

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "launches": self.launches,
            "blocks": self.blocks,
            "goal": self.goal,
            "max_time": self.seconds,
            "firm": self.firm,
        }

    @classmethod
    def from_field(cls, field: Field) -> "Effort":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        launches, blocks = field["launches"].whole(least=1), field["blocks"].whole(least=1)
        goal, seconds, firm = field["goal"].number(), field["max_time"].number(), field["firm"].flag()
        time = {"max_time" if firm else "aim": seconds}
        return field.made(lambda _: cls(launches, blocks, goal, **time))


BERT_BASE = Encoder(
    model_type="bert",
    vocab_size=30522,
    embedding_size=768,
    hidden_size=768,
    head_size=64,
    max_position_embeddings=512,
    type_vocab_size=2,
    pad_token_id=0,
    layer_norm_eps=1e-12,
)
BERT_BASE_SHAPE = ModelShape.uniform(12, num_heads=12, intermediate_size=3072)

# The operating point of McCarley et al. (arXiv 1910.06360), SQuAD 2.0, second row of gates: 53.1 % of heads
# and 64.9 % of activations removed, most of them near the embeddings and near the answer. 76 of BERT-base's
# 144 heads (52.8 %) is the whole number nearest to it; the widths are the multiples of 8 nearest to 64.9 %.
PAPER_SHAPE = ModelShape(
    tuple(
        LayerShape(num_heads, intermediate_size)
        for num_heads, intermediate_size in (
            (4, 640),
            (4, 776),
            (5, 960),
            (6, 1136),
            (7, 1288),
            (7, 1392),
            (8, 1440),
            (8, 1416),
            (7, 1304),
            (6, 1112),
            (4, 856),
            (2, 616),
        )
    )
)
