"""Choosing what goes: one file per method, each turning a model and questions into Scores."""

from typing import Literal

Method = Literal["l0", "gain", "random"]
"""What decides which units go."""

Kind = Literal["heads", "intermediate"]
"""The two kinds of units: attention heads and feed-forward activations."""

KINDS: tuple[Kind, ...] = ("heads", "intermediate")
