"""Mixed precision: what a device computes in, and the way to say so."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from prune.ranks import ranks, uses_cpu
from prune.train.settings import Precision


def precision_of(wanted: Precision, dtype: torch.dtype) -> str:
    """What `wanted` comes to on this device for a model of `dtype`: no, bf16 or fp16."""
    if wanted != "auto":
        return wanted
    if dtype != torch.float32:
        return "no"
    if uses_cpu():
        # torch before 2.10 does not tell
        features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "no"
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "no"


def autocast(precision: str) -> AbstractContextManager[Any]:
    """Run matrix products in that precision within."""
    if precision == "no":
        return nullcontext()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(ranks().device.type, dtype=dtype)
