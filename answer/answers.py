"""What a model says to a question, as a value."""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Span:
    """A stretch of the context that may be the answer."""

    text: str
    """As it stands in the context: context[start:end]."""
    start: int
    """Its first character in the context."""
    end: int
    """The character after its last one."""
    score: float
    """Start logit plus end logit; only comparable within one question."""
    probability: float
    """Its share of exp(score) among everything that could have been said: each span of the context that is no
    longer than an answer may be, and "no answer". The model's own belief, which nobody calibrated."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question, what else it could have been, and whether it was refused."""

    id: str
    """The question's."""
    spans: tuple[Span, ...]
    """The best spans, best first, also where the question is refused; they may overlap. Fewer than were asked
    for where the context has no more, and none where it has no token."""
    null_odds: float
    """Score of "no answer" less the best span's, in logits; infinite where there is no span."""
    null_probability: float
    """Share of "no answer", as Span.probability."""
    refused: bool
    """Whether the null odds exceed the model's threshold: by its own account the context has no answer."""

    @property
    def best(self) -> Span | None:
        """The best span, whether it is said or refused; None where there is none."""
        return self.spans[0] if self.spans else None

    @property
    def said(self) -> Span | None:
        """The best span, or None where the question is refused."""
        return None if self.refused else self.best

    @property
    def text(self) -> str:
        """What to say: the best span's text, or '' where the question is refused."""
        return self.said.text if self.said else ""

    @property
    def start(self) -> int:
        """First character of `text` in the context; -1 where the question is refused."""
        return self.said.start if self.said else -1

    @property
    def end(self) -> int:
        """The character after the last one of `text`; -1 where the question is refused."""
        return self.said.end if self.said else -1

    @property
    def probability(self) -> float:
        """Of what was said: the best span's, or that of "no answer" where the question is refused."""
        return self.said.probability if self.said else self.null_probability

    def to_dict(self, *, with_spans: bool = False) -> dict[str, Any]:
        """Plain values, for JSON, which has no infinity: odds that are infinite come as None."""
        values: dict[str, Any] = {
            "answer": self.text,
            "start": self.start,
            "end": self.end,
            "probability": self.probability,
            "null_odds": self.null_odds if math.isfinite(self.null_odds) else None,
            "refused": self.refused,
        }
        return values | {"spans": [asdict(span) for span in self.spans]} if with_spans else values
