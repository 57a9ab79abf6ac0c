"""A disk that takes the graph and no more: the tokenizer, which is written after it, does not fit."""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from support import tiny

from prune.checkpoint import save
from trellis.errors import InputError

LONG_WORDS = [f"{letter * 20_000}{index}" for index, letter in enumerate("abcdefghijklmnopqrst")]
"""In a vocabulary they make a tokenizer.json of 400 KB, far more than the tiny model's graph."""


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def export(
    model: Path, out: Path, *wishes: object, most: int | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process that may write files of at most `most` bytes."""
    limit = (most or resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    return subprocess.run(
        [
            *(sys.executable, "-c", "from trellis.cli.prune_export.command import main; main()"),
            *map(str, (model, out, *wishes)),
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, limit),
    )


@pytest.mark.parametrize("over_an_old_one", [True, False])
def test_a_disk_that_is_full_once_the_tokenizer_is_written(tmp_path: Path, over_an_old_one: bool) -> None:
    model, out = tmp_path / "model", tmp_path / "out" / "model.onnx"
    save(tiny.model(), tiny.tokenizer(LONG_WORDS), model)
    out.parent.mkdir()
    if over_an_old_one:
        whole = export(model, out, "--no-prune")
        assert whole.returncode == 0, whole.stderr
        assert out.stat().st_size < 200_000 < (out.parent / "tokenizer.json").stat().st_size
    before = files_of(out.parent)

    ended = export(
        *(model, out, "--method", "random", "--prune-ffn", 0.5, "--json", tmp_path / "found.json"),
        most=200_000,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1] == f"prune-export: [Errno 27] File too large; {out} is as it was."
    assert "Traceback" not in ended.stderr
    assert files_of(out.parent) == before
    assert not (tmp_path / "found.json").exists()


@pytest.mark.parametrize("over_an_old_one", [True, False])
def test_a_saved_model_is_whole_or_as_it_was(tmp_path: Path, over_an_old_one: bool) -> None:
    folder, tokenizer = tmp_path / "saved", tiny.tokenizer(LONG_WORDS)
    if over_an_old_one:
        save(tiny.model(seed=1), tokenizer, folder)
        assert (folder / "model.safetensors").stat().st_size < 200_000
        before = files_of(folder)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old[1]))
    try:
        with pytest.raises(InputError, match=r"saved cannot be written: File too large\.$"):
            save(tiny.model(seed=2), tokenizer, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert [path.name for path in tmp_path.iterdir()] == (["saved"] if over_an_old_one else [])
    if over_an_old_one:
        assert files_of(folder) == before
