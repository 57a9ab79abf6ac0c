"""No output of a command takes the place of what the command reads, whatever name it goes by."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tiny
from support.requests import request

from export.outputs import COMPANIONS, parts_of
from prune.checkpoint import save
from trellis.cli.answer.options import Arguments, Printed, Source, check_together
from trellis.cli.bench.outputs import Outputs, json_text
from trellis.errors import InputError

OUTPUTS = ("json_file", "html_file", "timing_cache", "engine", "save_model")
"""Of prune-export, beside OUT.onnx and its companions."""

READ = {
    "weights": "model/model.safetensors",
    "a shard": "model/model-00001-of-00002.safetensors",
    "the shards' index": "model/model.safetensors.index.json",
    "config": "model/config.json",
    "a config of another part": "model/generation_config.json",
    "vocabulary": "model/vocab.txt",
    "pickled weights": "model/pytorch_model.bin",
    "the card": "model/README.md",
    "provenance": "model/provenance.json",
    "the teacher's weights": "teacher/model.safetensors",
    "the teacher's config": "teacher/config.json",
    "the teacher's tokenizer": "teacher/tokenizer.json",
    "training data": "train.json",
    "one of a set": "set/train-00.jsonl",
    "questions": "dev.json",
    "calibration": "calibration.json",
}

ALIASES: dict[str, Callable[[Path, Path], Path]] = {
    "itself": lambda path, free: path,
    "around": lambda path, free: Path(f"./nowhere/../{path}"),
    "symbolic link": lambda path, free: _link(os.symlink, path.absolute(), free),
    "hard link": lambda path, free: _link(os.link, path, free),
}


def _link(link: Callable[[Path, Path], None], path: Path, free: Path) -> Path:
    link(path, free)
    return free


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in READ.values():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"mine, {name}")
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(room: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in room.rglob("*") if path.is_file()}


def wishes(**further: Any) -> dict[str, Any]:
    """Everything that can be read at once."""
    return {
        "model": "model",
        "out": Path("o.onnx"),
        "train": "set/*.jsonl" if further.pop("globbed", False) else "set",
        "dev": ("dev.json",),
        "calibration": "calibration.json",
        "distill": 1.0,
        "teacher": "teacher",
        "target": "tensorrt",
    } | further


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_prune_export(room: Path, read: str, output: str, alias: Callable[[Path, Path], Path]) -> None:
    place = alias(Path(read), Path("free.out"))
    given = wishes(**{"engine": Path("m.engine"), output: place})
    if read == "train.json":
        given["train"] = read
    before = contents(room)
    with pytest.raises(InputError, match=r"is a file that is read; name another|exists already"):
        request(**given).check_paths()
    assert contents(room) == before


@pytest.mark.parametrize("globbed", [False, True])
def test_each_file_of_a_set_counts(room: Path, globbed: bool) -> None:
    given = wishes(globbed=globbed, json_file=Path("set/train-00.jsonl"))
    with pytest.raises(InputError, match=r"--json set/train-00\.jsonl is a file that is read"):
        request(**given).check_paths()
    request(**(given | {"json_file": Path("set/found.json")})).check_paths()


@pytest.mark.parametrize("name", [*COMPANIONS, "o.onnx"])
@pytest.mark.parametrize("what", ["plan", "shape"])
def test_nor_do_the_files_that_no_option_names(room: Path, name: str, what: str) -> None:
    Path(name).write_text("{}")
    Path("o.onnx").write_text("an older export")
    with pytest.raises(InputError, match=f"^{name} is a file that is read"):
        request("model", Path("o.onnx"), **{what: Path(name)}).check_paths()


@pytest.mark.parametrize("output", ["json_file", "html_file", "save_model", "engine"])
def test_nothing_lies_in_the_work_folder(room: Path, output: str) -> None:
    Path("o.onnx.work").mkdir()
    with pytest.raises(InputError, match=r"would lie in the work folder o\.onnx\.work"):
        request(**wishes(**{output: Path("o.onnx.work/mine")})).check_paths()
    Path("w").mkdir()
    with pytest.raises(InputError, match=r"^w/m\.onnx would lie in the work folder w"):
        request("model", Path("w/m.onnx"), work=Path("w")).check_paths()


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("option", ["--out", "--na-probs"])
@pytest.mark.parametrize(
    "read",
    [
        "o/model.onnx",
        "o/model.onnx.0123456789abcdef.data",
        *(f"o/{name}" for name in (*COMPANIONS, "special_tokens_map.json", "README.md")),
        "dev.json",
    ],
)
def test_answer(room: Path, read: str, option: str, alias: Callable[[Path, Path], Path]) -> None:
    Path("o").mkdir()
    for name in ("model.onnx", "model.onnx.0123456789abcdef.data", *COMPANIONS):
        Path("o", name).write_text("mine")
    Path(read).touch()
    place = alias(Path(read), Path("free.out"))
    for model in ("o", "o/model.onnx"):
        with pytest.raises(InputError, match=f"{option} .* is a file that is read; name another"):
            asked(model, **{option.removeprefix("--").replace("-", "_"): place})


def asked(model: str, **outputs: Path) -> None:
    check_together(Arguments(Path(model)), Source(squad=Path("dev.json")), Printed(**outputs))


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_bench(room: Path, read: str, alias: Callable[[Path, Path], Path]) -> None:
    place = str(alias(Path(read), Path("free.out")))
    from trellis.files.places import data_files

    read_files = [part for name in ("model", "teacher") for part in parts_of(name)]
    read_files += [
        file for name in ("train.json", "set", "dev.json", "calibration.json") for file in data_files(name)
    ]
    for option in ("--json", "--markdown", "--csv", "--html"):
        with pytest.raises(InputError, match=f"{option} .* is a file that is read"):
            Outputs.of((option, place, json_text)).spare(read_files)


def test_results_of_former_runs_may_be_replaced(room: Path) -> None:
    for name in ("model/found.json", "model/page.html", "model/rows.csv", "model/table.md"):
        Path(name).write_text("an older result")
        assert Path(name) not in parts_of("model")
        request("model", Path("o.onnx"), json_file=Path(name)).check_paths()


PROGRAMS = {
    "bench": "from trellis.cli.bench.command import main; main()",
    "answer": "from trellis.cli.answer.command import main; main()",
    "prune-export": "from trellis.cli.prune_export.command import main; main()",
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "bench a baseline": ("bench", "o/m.onnx", "--baseline", "model", "--html", "link"),
    "bench a set": ("bench", "o/m.onnx", "--dev", "set", "--task", "nq", "--csv", "link"),
    "bench lengths": ("bench", "o/m.onnx", "--lengths", "dev.json", "--markdown", "link"),
    "bench compare": ("bench", "compare", "old.json", "new.json", "--json", "link"),
    "answer": ("answer", "o", "--squad", "dev.json", "--out", "link"),
    "answer's odds": ("answer", "o/m.onnx", "--squad", "dev.json", "--na-probs", "link"),
    "export": ("prune-export", "model", "o2/m.onnx", "--train", "set", "--json", "link"),
    "export a teacher": (
        *("prune-export", "model", "o2/m.onnx", "--train", "set", "--distill", "1", "--teacher", "model"),
        *("--html", "link"),
    ),
}
TARGETS = {
    "bench a baseline": "model/README.md",
    "bench a set": "set/train-00.jsonl",
    "bench lengths": "dev.json",
    "bench compare": "old.json",
    "answer": "o/decoding.json",
    "answer's odds": "o/m.onnx",
    "export": "set/train-00.jsonl",
    "export a teacher": "model/model.safetensors.index.json",
}


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_commands_themselves(room: Path, name: str, link: Callable[[Path, Path], None]) -> None:
    for folder in ("o", "o2"):
        Path(folder).mkdir()
    for file in ("m.onnx", *COMPANIONS):
        Path("o", file).write_text("mine")
    for file in ("old.json", "new.json"):
        Path(file).write_text("{}")
    link(Path(TARGETS[name]).absolute(), Path("link"))
    before = contents(room)
    program, *arguments = COMMANDS[name]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[program], *arguments], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "link is a file that is read; name another." in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(room) == before


def test_of_a_hub_id_the_files_are_known_when_it_is_opened(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub" / "models--owner--name" / "snapshots" / ("0" * 40)
    cache.parent.mkdir(parents=True)
    save(tiny.model(), tiny.tokenizer(["Who planted the tree?"]), cache)
    (cache.parents[1] / "refs").mkdir()
    (cache.parents[1] / "refs" / "main").write_text("0" * 40)
    script = (
        "import sys; from trellis.cli.prune_export.command import main\n"
        "sys.argv = ['prune-export', 'owner/name', 'o.onnx', '--no-prune', "
        f"'--json', {str(cache / 'config.json')!r}]; main()"
    )
    before = (cache / "config.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_CACHE": str(tmp_path / "hub"),
                          "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "config.json is a file that is read; name another." in done.stderr
    assert (cache / "config.json").read_bytes() == before
    assert not Path("o.onnx").exists()
