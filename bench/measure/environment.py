"""Where a measurement was made: figures of different places are not comparable, so each carries its own."""

import os
import platform
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

import psutil

from bench.json_field import Field
from export.runtimes import RUNTIMES
from trellis.control_groups import kernel_text, throttled
from trellis.cores import available_cores
from trellis.version import VERSION

_PACKAGES = ("onnx", "numpy", "nncf")
"""What matters beside the runtimes' own."""


@dataclass(frozen=True)
class Environment:
    """The machine and the software of one measurement."""

    date: str
    """Start, UTC, ISO 8601."""
    cpu: str
    cores: int
    """Physical cores that this process may use."""
    processors: int
    """Logical processors that this process may use."""
    cpu_flags: tuple[str, ...]
    """Instructions that matter to matrix products, as the kernel calls them."""
    governor: str | None
    """How the kernel chooses the clock rate; None where it does not say."""
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

    @classmethod
    def from_field(cls, field: Field) -> "Environment":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        return cls(
            date=field["date"].text(),
            cpu=field["cpu"].text(),
            cores=field["cores"].whole(least=1),
            processors=field["processors"].whole(least=1),
            cpu_flags=tuple(field["cpu_flags"].texts()),
            governor=field["governor"].or_none(Field.text),
            memory_bytes=field["memory_bytes"].whole(least=0),
            load_average=field["load_average"].or_none(Field.number),
            gpu=field["gpu"].or_none(Field.text),
            system=field["system"].text(),
            python=field["python"].text(),
            packages={name: version.text() for name, version in field["packages"].fields().items()},
        )

    def notes(self) -> list[str]:
        """What is amiss for measuring, a sentence each."""
        notes = []
        if self.load_average is not None and self.load_average > self.cores / 2:
            notes.append(
                f"The machine was busy before the start (load {self.load_average:.1f} on {self.cores} "
                "cores): where it still is, times are long, and the intervals wider than they need be."
            )
        if self.processors > self.cores:
            notes.append(
                f"The {self.processors} processors share {self.cores} cores: what else runs on a core slows it down."
            )
        if self.governor and self.governor not in ("performance", "schedutil"):
            notes.append(
                f"The clock rate follows the governor {self.governor}; times are steadier with: cpupower "
                "frequency-set -g performance."
            )
        return notes


@dataclass(frozen=True)
class Disturbance:
    """What else went on while there were measurements."""

    others_share: float | None
    """Share of the processors' time that other processes took; None where the system does not say."""
    stolen_share: float
    """Share that the host of this virtual machine gave to others."""
    throttled_periods: int
    """How often a control group's CPU quota, or the heat of a core, held this process back."""
    throttled_seconds: float
    """Processors' time that the quotas kept from this process and those that share them with it."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_field(cls, field: Field) -> "Disturbance":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        return cls(
            field["others_share"].or_none(Field.number),
            field["stolen_share"].number(),
            field["throttled_periods"].whole(least=0),
            field["throttled_seconds"].number(),
        )

    def notes(self) -> list[str]:
        """What was amiss, a sentence each."""
        notes = []
        if self.others_share is not None and self.others_share > _NOISY:
            notes.append(
                f"Other processes took {self.others_share:.0%} of the processors' time meanwhile: the ratios hold, the "
                "times are theirs too."
            )
        if self.stolen_share > _NOISY:
            notes.append(f"The host gave {self.stolen_share:.0%} of this machine's time to others (steal).")
        if self.throttled_periods:
            kept = f"for {self.throttled_seconds:.1f} s in all, " if self.throttled_seconds else ""
            notes.append(
                f"The processors were throttled {self.throttled_periods} times meanwhile, {kept}by a CPU quota or by "
                "heat: give fewer --threads, or lift the quota."
            )
        return notes


_NOISY = 0.05
"""Share of the time from which others are worth a sentence."""


class Watch:
    """Counts from its making on what others take; see `Disturbance`."""

    def __init__(self) -> None:
        self._start = self._read()

    def disturbance(self, own_seconds: float | None) -> Disturbance:
        """Since the making; `own_seconds`: processor time of the engines' processes, None where unknown.

        This process's own time, which goes into reading the peak, is no other's either.
        """
        busy, stolen, total, periods, seconds, here = (
            now - then for now, then in zip(self._read(), self._start, strict=True)
        )
        others = None if own_seconds is None or not total else max(0.0, busy - own_seconds - here) / total
        # counters may go back, as when the process is moved to another control group
        return Disturbance(others, stolen / total if total else 0.0, max(0, int(periods)), max(0.0, seconds))

    @staticmethod
    def _read() -> tuple[float, float, float, float, float, float]:
        times = psutil.cpu_times()
        stolen = getattr(times, "steal", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        # guests' time is within user's
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        quotas = throttled()
        periods = float(quotas.periods + _overheated())
        return total - idle - stolen, stolen, total, periods, quotas.seconds, time.process_time()


def _overheated() -> int:
    """How often a core was too hot since the start of this system."""
    counts = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    return sum(int(text) for path in counts if (text := kernel_text(path).strip()).isdigit())


def environment(*, gpu: bool) -> Environment:
    """Describe this machine; `gpu` says whether to ask for its GPU."""
    packages = {"espalier": VERSION}
    for name in (*chain.from_iterable(each.packages for each in RUNTIMES.values()), *_PACKAGES):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu_model(),
        cores=available_cores(),
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        cpu_flags=_cpu_flags(),
        governor=_governor(),
        memory_bytes=psutil.virtual_memory().total,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        gpu=_gpu() if gpu else None,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages=packages,
    )


def _cpu_model() -> str:
    line = re.search(r"^model name\s*:(.*)$", kernel_text(Path("/proc/cpuinfo")), re.MULTILINE)
    return line[1].strip() if line else platform.processor() or platform.machine()


_FLAGS = re.compile(r"avx2|fma|f16c|avx512(f|_vnni|_bf16|_fp16)|avx_vnni|amx_.*|asimd(hp|dp)|i8mm|bf16|sve2?")


def _cpu_flags() -> tuple[str, ...]:
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", kernel_text(Path("/proc/cpuinfo")), re.MULTILINE)
    return tuple(sorted(flag for flag in line[1].split() if _FLAGS.fullmatch(flag))) if line else ()


def _governor() -> str | None:
    return kernel_text(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")).strip() or None


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
