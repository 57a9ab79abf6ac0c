"""Shares on prune-export's command line, and what its help says of flags."""

import re
from pathlib import Path

import pytest
from support import tiny
from support.commands import invoke

from export.metadata import read_metadata
from prune.checkpoint import save
from prune.shape import ModelShape
from trellis.cli.prune_export.command import COMMAND

TEXT = ["who wrote the long letter", "the letter was written by nobody at all"]
OPTIONS = {option.called: option for group in COMMAND.options for option in group}
SHARES = [name for name, option in OPTIONS.items() if option.metavar == "SHARE"]


def run(*arguments: object) -> tuple[int, str]:
    result = invoke(COMMAND, arguments)
    return result.exit_code, result.output


def shape_of_cut(folder: Path, *amount: str) -> ModelShape:
    code, printed = run(folder / "model", folder / "m.onnx", "--method", "random", *amount)
    assert code == 0, printed
    return read_metadata(folder / "m.onnx").shape


def test_a_percentage_cuts_what_its_fraction_cuts(tmp_path: Path) -> None:
    save(tiny.model(), tiny.tokenizer(TEXT), tmp_path / "model")
    by_percent = shape_of_cut(tmp_path, "--prune-heads", "50%", "--prune-ffn", "25 %")
    assert by_percent == shape_of_cut(tmp_path, "--prune-heads", "0.5", "--prune-ffn", "0.25")
    assert by_percent.num_heads == tiny.model().config.num_attention_heads  # half of two layers'


def test_every_share_is_taken_as_one() -> None:
    wanted = "--prune-heads --prune-ffn --gate-share --null-share --task-weight --held-out --dropout"
    assert wanted.split() == SHARES


@pytest.mark.parametrize("flag", SHARES)
def test_what_is_no_share_is_refused_with_an_example(tmp_path: Path, flag: str) -> None:
    code, printed = run(tmp_path, tmp_path / "m.onnx", flag, "50x")
    assert code == 2
    assert flag in printed
    assert "'50x'; give a share like 2% or 0.02." in printed


@pytest.mark.parametrize("flag", SHARES)
def test_a_share_out_of_range_is_refused_by_its_name(tmp_path: Path, flag: str) -> None:
    code, printed = run(tmp_path, tmp_path / "m.onnx", flag, "250%")
    assert code == 2
    assert f"{flag} is 2.5" in printed


def test_the_help_names_each_target_where_it_belongs() -> None:
    _, printed = run("--help")
    examples = re.sub(r"\s+", " ", printed.partition("Examples")[2])
    assert "for TensorRT prune-export model_dir out/model.onnx --target tensorrt" in examples
    assert "--target portable" not in examples


def test_every_flag_in_an_example_exists() -> None:
    _, printed = run("--help")
    flags = re.findall(r"(?<= )--[a-z0-9-]+", printed.partition("Examples")[2])
    assert len(flags) > 8
    assert set(flags) <= set(OPTIONS)
