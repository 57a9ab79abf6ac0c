"""Mixed precision: what a device computes in, and the way to say so."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from prune.train.settings import Precision
from trellis.errors import InputError, Parameter
from trellis.ranks import ranks, uses_cpu


def precision_of(wanted: Precision, dtype: torch.dtype) -> str:
    """What `wanted` comes to on this device for a model of `dtype`: no, bf16 or fp16.

    Raises InputError where the device does not compute in what is wanted.
    """
    on_cpu = uses_cpu()
    on_cuda = not on_cpu and torch.cuda.is_available()
    has_bf16 = not on_cuda or torch.cuda.is_bf16_supported(including_emulation=False)
    if (wanted == "fp16" and on_cpu) or (wanted == "bf16" and not has_bf16):
        raise InputError(
            "This device does not compute in {}; give {}.", wanted, Parameter("mixed_precision", "auto")
        )
    if wanted != "auto":
        return wanted
    if dtype != torch.float32:
        return "no"
    if on_cpu:
        # torch before 2.10 does not tell
        features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "no"
    return ("bf16" if has_bf16 else "fp16") if on_cuda else "no"


def autocast(precision: str) -> AbstractContextManager[Any]:
    """Run matrix products in that precision within."""
    if precision == "no":
        return nullcontext()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(ranks().device.type, dtype=dtype)
