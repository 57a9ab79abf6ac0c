"""Results of bench as plain values, with samples that make every figure known in closed form."""

import math
from collections.abc import Sequence
from typing import Any

from bench.environment import Disturbance, Environment
from bench.measure import Block, Launch, Samples, Start
from bench.models import Model
from bench.result import Comparison, Result, summarize
from bench.spec import BERT_BASE, PAPER_SHAPE, BERT_BASE_SHAPE, Effort, Engine, Role, Turn, Workload
