"""Where a measurement was made: figures of different places are not comparable, so each carries its own."""

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = (
    "espalier",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "transformers",
    "onnx",
    "numpy",
    "tensorrt",
)


@dataclass(frozen=True)
class Environment:
    """The machine and the software of one measurement."""

    date: str
    """Start, UTC, ISO 8601."""
    cpu: str
    cores: int
    """Physical cores that this process may use."""
    memory_bytes: int
    load_average: float | None
    """Processes that wanted a core in the minute before the start; None where the system does not say."""
    gpu: str | None
    """Name and driver, where a GPU was asked for."""
    system: str
    python: str
    packages: dict[str, str]
    """Versions of what is installed among the packages that matter."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def environment(*, gpu: bool) -> Environment:
    """Describe this machine; `gpu` says whether to ask for its GPU."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu_model(),
        cores=available_cores(),
        memory_bytes=psutil.virtual_memory().total,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        gpu=_gpu() if gpu else None,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages=packages,
    )


def available_cores() -> int:
    """Physical cores that this process may use: what an engine's threads should number.

    Logical processors that share a core count once; the affinity mask and a container's CPU quota limit.
    """
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
        siblings = [_siblings(processor) for processor in allowed]
        cores = len(set(siblings)) if all(siblings) else min(cores, len(allowed))
    quota = _quota(Path("/sys/fs/cgroup/cpu.max"))
    return max(1, cores if quota is None else min(cores, int(quota)))


def _siblings(processor: int) -> str:
    """The logical processors on the core of `processor`, as the kernel writes them; "" where it does not."""
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _quota(path: Path) -> float | None:
    """CPUs that a container may use at a time, from its control group's file; None: no limit."""
    try:
        limit, period = path.read_text().split()
        return int(limit) / int(period)
    except (OSError, ValueError):  # no such file, or "max 100000"
        return None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu() -> str | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
