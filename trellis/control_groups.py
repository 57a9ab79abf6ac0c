"""What Linux's control groups say of this process's share of the processors: quotas, and how often they held it back.

Both versions are read (cgroup v1's `cpu.cfs_quota_us`, v2's `cpu.max`), at every level from the process's own group
up to where the hierarchy is mounted: a quota of any level binds. Within a container a mount may show no more than
the container's own part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")


@dataclass(frozen=True)
class Throttled:
    """How often and how long the quotas of all levels held this process's groups back, since these were made."""

    periods: int = 0
    seconds: float = 0.0
    """Processors' time, so that it may grow faster than the clock."""


def cpu_quota(root: Path = ROOT) -> float | None:
    """Processors that this process may use at a time, by the tightest quota of all levels; None: no limit.

    `root`: where /proc and the mounts are looked for.
    """
    quotas = [_quota_of(group) for group in _groups(root)]
    return min((quota for quota in quotas if quota is not None), default=None)


def throttled(root: Path = ROOT) -> Throttled:
    """What the quotas held back, summed over all levels; `root` as in `cpu_quota`."""
    periods, seconds = 0, 0.0
    for group in _groups(root):
        stat = dict(re.findall(r"^(\w+) (\d+)$", kernel_text(group / "cpu.stat"), re.MULTILINE))
        periods += int(stat.get("nr_throttled", 0))
        # v2 counts microseconds, v1 nanoseconds
        seconds += int(stat.get("throttled_usec", 0)) / 1e6 + int(stat.get("throttled_time", 0)) / 1e9
    return Throttled(periods, seconds)


def kernel_text(path: Path) -> str:
    """What the kernel writes at `path`; "" where it does not."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _quota_of(group: Path) -> float | None:
    """Of one level: v2 has quota and period in one file, v1 in two; "max" and -1 are no limit."""
    found = re.fullmatch(r"(\d+) (\d+)\s*", kernel_text(group / "cpu.max"))
    if found:
        limit, period = int(found[1]), int(found[2])
    else:
        limit, period = (_number(group / f"cpu.cfs_{part}_us") for part in ("quota", "period"))
    return limit / period if limit > 0 and period > 0 else None


def _number(path: Path) -> int:
    text = kernel_text(path).strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else -1


def _groups(root: Path) -> list[Path]:
    """Directories of this process's groups of both versions, each once, from its own to the topmost that is seen."""
    own = dict(_own_groups(root))
    found: dict[Path, None] = {}
    for version, shown, mounted in _mounts(root):
        if version not in own:
            continue
        inside = _within(own[version], shown)
        levels = (inside, *inside.parents) if inside.parts else (inside,)
        found |= dict.fromkeys(root / mounted.relative_to("/") / level for level in levels)
    return list(found)


def _own_groups(root: Path) -> Iterator[tuple[int, PurePosixPath]]:
    """(version, path in the hierarchy) of the groups that share out processors."""
    for line in kernel_text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield 2, PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            yield 1, PurePosixPath(path)


def _mounts(root: Path) -> Iterator[tuple[int, PurePosixPath, PurePosixPath]]:
    """(version, group that is shown, where) of the mounted hierarchies that share out processors."""
    for line in kernel_text(root / "proc/self/mountinfo").splitlines():
        # id, parent, device, shown, where, options, optional fields, then after " - " type, source, options
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        shown, where = (PurePosixPath(_unescaped(field)) for field in fields[3:5])
        if not where.is_absolute():
            continue
        if kind[0] == "cgroup2":
            yield 2, shown, where
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield 1, shown, where


def _within(own: PurePosixPath, shown: PurePosixPath) -> PurePosixPath:
    """The process's group below the one that is shown; that one itself where the process's lies outside of it."""
    if ".." in own.parts or not own.is_relative_to(shown):
        return PurePosixPath()
    return own.relative_to(shown)


def _unescaped(field: str) -> str:
    """Blanks and the like are written as octal numbers there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
