"""How many cores this process may use: what the threads of every engine and of training number by default."""

import os
from pathlib import Path

import psutil

from trellis.control_groups import ROOT, cpu_quota, kernel_text


def available_cores(root: Path = ROOT) -> int:
    """Physical cores that this process may use, at least 1.

    Logical processors that share a core count once; the affinity mask and the quotas of control groups, looked for
    below `root`, limit. Of a quota that is not whole the whole part counts: one thread more would be throttled.
    """
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
        siblings = [_siblings(processor) for processor in allowed]
        cores = len(set(siblings)) if all(siblings) else min(cores, len(allowed))
    quota = cpu_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def keep_torch_to_available_cores() -> None:
    """Have torch compute with no more threads than there are cores for it: it knows no quotas.

    Whoever set OMP_NUM_THREADS or MKL_NUM_THREADS, as torchrun does, has chosen.
    """
    if "OMP_NUM_THREADS" in os.environ or "MKL_NUM_THREADS" in os.environ:
        return
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), available_cores()))


def _siblings(processor: int) -> str:
    """The logical processors on the core of `processor`, as the kernel writes them; "" where it does not."""
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return kernel_text(path).strip()
