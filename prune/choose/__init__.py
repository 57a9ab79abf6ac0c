"""Choosing what goes: one file per method, each turning a model and questions into Scores."""

from typing import Literal

Method = Literal["gain", "random"]
