import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from prune.checkpoint import random_model, save
from prune.shape import ModelShape

BENCH = Path(sys.executable).with_name("bench")
QUICK = ("--launches", "2", "--blocks", "3", "--precision-goal", "99%", "--threads", "1", "--seq", "32")

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Runs the installed command, with a temporary folder of its own that must be empty afterwards."""
    scratch = tmp_path / "temporary"
    scratch.mkdir()

    def run(*arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BENCH, *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(scratch), "COLUMNS": "200"},
            timeout=300,
            **how,
        )
        assert not list(scratch.iterdir())
        return done

    return run


def _without_beats(said: str) -> list[str]:
    """Lines without those that only say, on a busy machine, that something still goes on."""
    return [line for line in said.splitlines() if not line.endswith((" s so far", " left"))]


def test_a_file_against_its_twin(bench: Bench, make_file, tmp_path: Path) -> None:
    path, result = make_file(), tmp_path / "result.json"
    done = bench(path, *QUICK, "--batch", "1,2", "--json", result, "--min-speedup", "0.01")
    assert done.returncode == 0, done.stderr
    assert f"baseline: unpruned twin of {path}" in done.stdout
    assert "--min-speedup 0.01: met" in done.stdout
    said = _without_beats(done.stderr)
    assert said[0] == f"writing the graph of unpruned twin of {path}"
    assert said[1].startswith(
        f"timing 1 of 1, {path}, onnxruntime, fp32, 1 threads: 2 operating points, about 5 min, more"
    )
    found = json.loads(result.read_text())
    (comparison,) = found["comparisons"]
    assert [point["candidate"]["load"]["batch"] for point in comparison["points"]] == [1, 2]
    assert comparison["baseline"]["shape"]["num_heads"] == [4, 4, 4]
    for point in comparison["points"]:
        assert point["speedup"]["blocks"] == sum(len(launch["blocks"]) for launch in point["launches"])
        assert len(point["launches"]) >= point["pilot"] == 2
        assert point["speedup"]["low"] <= point["speedup"]["estimate"] <= point["speedup"]["high"]


def test_folders_stand_for_the_files_in_them(bench: Bench, make_file, tmp_path: Path, whole) -> None:
    """Both are as prune-export leaves them: a file, and no weights of a model."""
    cut, uncut = make_file("cut/model.onnx"), make_file("whole/model.onnx", shape=whole)
    done = bench(cut.parent, "--baseline", uncut.parent, *QUICK, "--json", "-")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["comparisons"]
    assert (found["candidate"]["name"], found["baseline"]["name"]) == (str(cut), str(uncut))
    make_file("cut/other.onnx")
    done = bench(uncut.parent, "--baseline", cut.parent, *QUICK)
    assert done.returncode == 2
    assert "holds 2 files (model.onnx, other.onnx); name one of them" in done.stderr
    done = bench(cut, *QUICK, "--json", cut)
    assert done.returncode == 2
    assert "is a file that is read" in done.stderr


def test_int8_is_held_against_the_unpruned_model_in_int8_and_in_fp32(
    bench: Bench, make_file, tmp_path: Path
) -> None:
    how = {"precision": "int8", "dialect": "onnxruntime-int8", "provenance": {"int8": {"ranges": "dynamic"}}}
    path, result = make_file(**how), tmp_path / "result.json"
    done = bench(path, *QUICK, "--json", result)
    assert done.returncode == 0, done.stderr
    compared = json.loads(result.read_text())["comparisons"]
    baselines = [(one["baseline"]["precision"], one["baseline"]["dialect"]) for one in compared]
    assert baselines == [("int8", "onnxruntime-int8"), ("fp32", "onnxruntime")]
    assert f"unpruned twin of {path} in fp32" in done.stdout


def test_a_missed_limit_is_exit_1_and_json_can_be_piped(bench: Bench, make_file, whole) -> None:
    small, other = make_file("small.onnx"), make_file("other.onnx", shape=whole)
    done = bench(small, "--baseline", other, *QUICK, "--json", "-", "--min-speedup", "1000")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["comparisons"][0]["baseline"]["name"] == str(other)
    assert found["gates"][0]["met"] is False
    assert "--min-speedup 1000: MISSED" in done.stderr


def test_a_portable_file_meets_a_portable_baseline(bench: Bench, make_file, encoder, whole, tmp_path) -> None:
    save(random_model(encoder, whole), None, tmp_path / "model")
    candidate = make_file(dialect="portable")
    done = bench(candidate, "--baseline", tmp_path / "model", *QUICK, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (comparison,) = found["comparisons"]
    assert comparison["candidate"]["dialect"] == comparison["baseline"]["dialect"] == "portable"
    assert not any("dialects" in note for note in found["notes"])


def test_a_disk_that_takes_no_more_is_one_sentence_and_exit_2(bench: Bench, make_file) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    done = bench(make_file(), *QUICK, preexec_fn=limit)
    assert done.returncode == 2
    *progress, said = _without_beats(done.stderr)
    assert "File too large" in said
    assert all(line.startswith("writing the graph of ") for line in progress)


def test_a_twin_larger_than_memory_is_one_sentence_and_exit_2(bench: Bench, make_file) -> None:
    monster = ModelShape.uniform(3, num_heads=4, intermediate_size=2**30)
    done = bench(make_file(original=monster), *QUICK)
    assert done.returncode == 2
    assert "GiB of weights, and this machine has" in done.stderr
    assert len(_without_beats(done.stderr)) == 1


def _not_onnx(folder: Path, whole: Path) -> Path:
    (folder / "text.onnx").write_text("this is a text")
    return folder / "text.onnx"


def _truncated(folder: Path, whole: Path) -> Path:
    data = whole.read_bytes()
    (folder / "half.onnx").write_bytes(data[: len(data) // 2])
    return folder / "half.onnx"


def _not_ours(folder: Path, whole: Path) -> Path:
    import onnx

    model = onnx.load(whole)
    del model.metadata_props[:]
    onnx.save(model, folder / "foreign.onnx")
    return folder / "foreign.onnx"


def _empty_directory(folder: Path, whole: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_not_onnx, "text.onnx is"),
        (_truncated, "half.onnx is"),
        (_not_ours, "foreign.onnx is no file of prune-export's"),
        (_empty_directory, "holds no config.json"),
        (lambda folder, whole: folder / "absent", "There is no file or directory"),
        (lambda folder, whole: "./absent/model", "There is no file or directory ./absent/model"),
    ],
)
def test_a_bad_model_is_one_sentence_and_exit_2(bench: Bench, make_file, tmp_path, make, said: str) -> None:
    done = bench(make(tmp_path, make_file()), *QUICK)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(_without_beats(done.stderr)) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch", "0"], "--batch is 0"),
        (["--seq", "0"], "--seq is 0"),
        (["--seq", "129"], "--seq is 129, and the model has positions for 128 tokens"),
        (["--batch", "many"], "--batch is 'many'"),
        (["--threads", "0"], "--threads is 0; give threads for the "),
        (["--threads", "2147483648"], "--threads is 2147483648"),
        (["--threads", "1,9999"], "--threads is 9999"),
        (["--batch", "1e30"], "--batch is '1e30'; give a whole number"),
        (["--batch", "9" * 30], "--batch is 999999999999999999999999999999; give the number"),
        (["--batch", "9" * 5000], "--batch is '99999"),
        (["--seq", "2147483648"], "--seq is 2147483648"),
        (["--launches", "2147483648"], "--launches is 2147483648"),
        (["--blocks", "99999999999"], "--blocks is 99999999999"),
        (
            ["--clients", "2147483648"],
            "--clients is 2147483648; give how many call the engine at a time, 1 to 256",
        ),
        (["--max-time", "1e300"], "--max-time is 1e+300"),
        (["--max-time", "nan"], "--max-time is nan"),
        (["--precision-goal", "1e400"], "--precision-goal is inf"),
        (["--precision-goal", "200%"], "--precision-goal is 2; give a share"),
        (["--min-speedup", "inf"], "--min-speedup is inf"),
        (["--launches", "1"], "--launches is 1"),
        (["--blocks", "0"], "--blocks is 0"),
        (["--max-time", "-1"], "--max-time is -1"),
        (["--precision-goal", "tight"], "--precision-goal is 'tight'"),
        (["--precision", "fp64"], "'fp64' is not one of fp32, fp16, int8"),
        (["--clients", "0"], "--clients is 0"),
        (["--lengths", "absent.json"], "There is no SQuAD file at 'absent.json'"),
        (["--dev", "absent.json"], "There is no SQuAD file at 'absent.json'"),
        (["--baseline", "absent.onnx"], "There is no file or directory absent.onnx"),
        (["--max-f1-loss", "0.5"], "--max-f1-loss needs --dev for the questions"),
        (["--json", "absent/result.json"], "absent/result.json cannot be written"),
        (["--runtime", "torch"], "--runtime torch runs model directories"),
        (["--runtime", "jax"], "'jax' is not one of onnxruntime, openvino"),
        (["--device", "tpu"], 'Invalid value "tpu" for --device. Choose from: "cpu", "cuda", "tensorrt"'),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_a_bad_option_is_exit_2(bench: Bench, make_file, arguments: list[str], said: str) -> None:
    done = bench(make_file(), *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 1000
    assert done.stdout == ""


def test_an_engine_is_known_and_wants_a_gpu(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out.engine").write_bytes(b"plan")
    done = bench(tmp_path / "out.engine", "--device", "cpu")
    assert done.returncode == 2
    assert "--device is cpu, and tensorrt runs on cuda here; give --device cuda." in done.stderr
    done = bench(tmp_path / "out.engine")
    assert done.returncode == 2
    assert "give --device cuda" not in done.stderr
    assert "ONNX" not in done.stderr


def test_paper_point_is_refused_only_past_berts_positions(bench: Bench) -> None:
    done = bench("--seq", "513")
    assert done.returncode == 2
    assert "positions for 512 tokens" in done.stderr


def test_help_teaches(bench: Bench) -> None:
    done = bench("--help")
    assert done.returncode == 0
    for taught in (
        "bench --batch 16 --seq 384",
        "--baseline",
        "--max-f1-loss",
        "Exit codes",
        "unpruned twin",
    ):
        assert taught in done.stdout


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_of_an_interrupted_run(
    make_file, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    command = [BENCH, make_file(), "--blocks", "100000", "--max-time", "6000", "--seq", "32"]
    parent = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    workers: list[psutil.Process] = []
    end = time.monotonic() + 60
    while len(workers) < 2 and time.monotonic() < end:
        time.sleep(0.05)
        workers = psutil.Process(parent.pid).children()
    assert len(workers) == 2
    time.sleep(1)  # well into the turns, where one of the two is stopped
    parent.send_signal(sent)
    _, said = parent.communicate(timeout=60)
    assert parent.returncode == code
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    if sent != signal.SIGKILL:
        assert not list(scratch.iterdir())
