"""Quotas of both versions of control groups, from trees as the kernel shows them and, where it lets us, for real."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from trellis.control_groups import Throttled, cpu_quota, throttled
from trellis.cores import available_cores

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct"


def _tree(root: Path, own: str, mounts: str, files: Mapping[str, str]) -> Path:
    written = {"proc/self/cgroup": own, "proc/self/mountinfo": mounts} | {
        f"sys/fs/cgroup/{name}": text for name, text in files.items()
    }
    for name, text in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"user.slice/cpu.max": "max 100000", "user.slice/app.scope/cpu.max": "50000 100000"}, 0.5),
        ({"user.slice/cpu.max": "50000 100000", "user.slice/app.scope/cpu.max": "300000 100000"}, 0.5),
        ({"user.slice/cpu.max": "300000 100000", "user.slice/app.scope/cpu.max": "max 100000"}, 3.0),
        ({"user.slice/app.scope/cpu.max": "200000 50000", "user.slice/other.scope/cpu.max": "1 100000"}, 4.0),
        ({"user.slice/app.scope/cpu.max": "max 100000"}, None),
        ({"user.slice/app.scope/cpu.max": "1e5 none"}, None),
        ({"user.slice/app.scope/cpu.max": "100000 0"}, None),
        ({"user.slice/app.scope/cpu.max": ""}, None),
        ({}, None),
    ],
)
def test_the_tightest_quota_of_all_levels_counts(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    assert cpu_quota(_tree(tmp_path, "0::/user.slice/app.scope", V2, files)) == quota


@pytest.mark.parametrize(
    ("quotas", "quota"),
    [
        ({"batch/job": 150000}, 1.5),
        ({"batch": 50000, "batch/job": -1}, 0.5),
        ({"batch": -1, "batch/job": -1, "": -1}, None),
        ({"batch": 200000, "batch/job": 400000}, 2.0),
        ({"batch/another": 1000}, None),
    ],
)
def test_version_1_has_quota_and_period_in_two_files(
    tmp_path: Path, quotas: dict[str, int], quota: float | None
) -> None:
    files = {}
    for group, limit in quotas.items():
        files[f"cpu,cpuacct/{group}/cpu.cfs_quota_us"] = str(limit)
        files[f"cpu,cpuacct/{group}/cpu.cfs_period_us"] = "100000"
    own = "12:pids:/elsewhere\n4:cpuacct,cpu:/batch/job\n1:name=systemd:/init\n0::/"
    assert cpu_quota(_tree(tmp_path, own, V1, files)) == quota


def test_a_container_without_a_namespace_sees_its_own_part_alone(tmp_path: Path) -> None:
    """Its group is named from the host's root, and the mount begins at that group."""
    mounts = "33 30 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu"
    files = {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}
    assert cpu_quota(_tree(tmp_path, "4:cpu:/docker/abc", mounts, files)) == 2.5
    files = {"cpu/inner/cpu.cfs_quota_us": "100000", "cpu/inner/cpu.cfs_period_us": "100000"}
    assert cpu_quota(_tree(tmp_path, "4:cpu:/docker/abc/inner", mounts, files)) == 1.0


@pytest.mark.parametrize("own", ["0::/../../other", "0::/elsewhere"])
def test_a_group_outside_of_what_is_mounted_counts_as_the_topmost(tmp_path: Path, own: str) -> None:
    mounts = "30 23 0:26 /shown /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    assert cpu_quota(_tree(tmp_path, own, mounts, {"cpu.max": "100000 100000"})) == 1.0


def test_both_versions_at_once_and_a_mount_with_a_blank_in_its_name(tmp_path: Path) -> None:
    mounts = f"{V1}\n31 30 0:30 / /sys/fs/cgroup/all\\040others rw - cgroup2 cgroup2 rw"
    own = "4:cpu,cpuacct:/job\n0::/job"
    files = {
        "all others/job/cpu.max": "300000 100000",
        "cpu,cpuacct/job/cpu.cfs_quota_us": "400000",
        "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
    }
    assert cpu_quota(_tree(tmp_path, own, mounts, files)) == 3.0


@pytest.mark.parametrize(
    "mounts", ["", "no such line", "1 2 3 - cgroup2", "30 23 0:26 / relative rw - cgroup2 a b"]
)
def test_what_the_kernel_does_not_say_is_no_limit(tmp_path: Path, mounts: str) -> None:
    tree = _tree(tmp_path, "0::/", mounts, {"cpu.max": "100000 100000"})
    assert cpu_quota(tree) is None
    assert throttled(tree) == Throttled()
    assert cpu_quota(tmp_path / "absent") is None


def test_throttling_is_summed_over_all_levels_and_both_units(tmp_path: Path) -> None:
    files = {
        "cpu.stat": "usage_usec 9",
        "a/cpu.stat": "usage_usec 9\nnr_periods 50\nnr_throttled 7\nthrottled_usec 1500000\nnr_bursts 3",
        "a/b/cpu.stat": "nr_throttled 5\nthrottled_usec 250000",
        "a/c/cpu.stat": "nr_throttled 99\nthrottled_usec 99",
    }
    assert throttled(_tree(tmp_path, "0::/a/b", V2, files)) == Throttled(12, 1.75)
    files = {"cpu,cpuacct/job/cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 300000000"}
    assert throttled(_tree(tmp_path / "v1", "4:cpu:/job", V1, files)) == Throttled(2, 0.3)


@pytest.mark.parametrize(("limit", "cores"), [(50_000, 1), (100_000, 1), (10_000_000, None)])
def test_cores_follow_the_quota(tmp_path: Path, limit: int, cores: int | None) -> None:
    tree = _tree(tmp_path, "0::/job", V2, {"job/cpu.max": f"{limit} 100000"})
    assert available_cores(tree) == (cores or available_cores(tmp_path / "absent"))


@pytest.fixture
def group_of_half_a_core() -> Iterator[Path]:
    """A real control group below the one that this process is in, of whichever version there is."""
    hierarchies = [Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/cpu,cpuacct"), Path("/sys/fs/cgroup")]
    found = (
        path / f"quota-{os.getpid()}"
        for path in hierarchies
        if (path / "cpu.cfs_quota_us").exists() or "cpu" in _text(path / "cgroup.subtree_control").split()
    )
    parent = next(found, None)
    if parent is None:
        pytest.skip("no control groups for processors here")
    child = parent / "nested"
    try:
        parent.mkdir()
        child.mkdir()
        if (parent / "cpu.max").exists():
            (parent / "cpu.max").write_text("50000 100000")
        else:
            (parent / "cpu.cfs_quota_us").write_text("50000")
    except OSError as error:
        _remove(parent, child)
        pytest.skip(f"control groups cannot be made here: {error}")
    yield child
    _remove(parent, child)


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _remove(parent: Path, child: Path) -> None:
    for path in (child, parent):
        if path.is_dir():
            path.rmdir()


def test_a_real_quota_of_the_level_above_counts_and_its_throttling_is_seen(
    group_of_half_a_core: Path,
) -> None:
    program = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid()))\n"
        "from trellis.control_groups import cpu_quota, throttled\n"
        "from trellis.cores import available_cores, keep_torch_to_available_cores\n"
        "import torch\n"
        "keep_torch_to_available_cores()\n"
        "before, end = throttled(), time.monotonic() + 0.5\n"
        "while time.monotonic() < end: pass\n"
        "after = throttled()\n"
        "print(cpu_quota(), available_cores(), torch.get_num_threads(),\n"
        "    after.periods > before.periods, after.seconds > before.seconds)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", program, str(group_of_half_a_core)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["0.5", "1", "1", "True", "True"]
