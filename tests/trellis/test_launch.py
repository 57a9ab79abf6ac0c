"""Whether an environment is a launch of several processes, or what is left of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trellis.errors import InputError
from trellis.ranks import check_launch

TORCHRUN = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}


def test_launches_and_none() -> None:
    for environment in (
        TORCHRUN,
        {},
        {"WORLD_SIZE": "1"},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"LOCAL_RANK": "-1"},
    ):
        check_launch(environment)


@pytest.mark.parametrize("absent", ["RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE"])
def test_half_a_launch_names_what_is_missing(absent: str) -> None:
    environment = {name: value for name, value in TORCHRUN.items() if name != absent}
    with pytest.raises(InputError, match=f"several processes, and {absent} is not set"):
        check_launch(environment)


@pytest.mark.parametrize("value", ["two", "", "-2", "1.5", "9" * 400, "²", " 1"])
@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT"])
def test_garbage_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"The environment variable {name} is "):
        check_launch(TORCHRUN | {name: value})


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT"])
def test_minus_one_is_none_for_the_local_rank_alone(name: str) -> None:
    check_launch(TORCHRUN | {"LOCAL_RANK": "-1"})
    with pytest.raises(InputError, match=f"The environment variable {name} is '-1'"):
        check_launch(TORCHRUN | {name: "-1"})


def test_a_rank_that_is_none_of_them() -> None:
    with pytest.raises(InputError, match="RANK is 2, which is none of 2 processes"):
        check_launch(TORCHRUN | {"RANK": "2"})


def test_the_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    program = "from trellis.cli.entry import prune_export; prune_export()"
    done = subprocess.run(
        [sys.executable, "-c", program, "./nowhere", "out.onnx", "--no-prune"],
        capture_output=True,
        text=True,
        env={**os.environ, "WORLD_SIZE": "2"},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "prune-export: The environment speaks of several processes, and RANK is not"
    )
    assert len(done.stderr.splitlines()) == 1
