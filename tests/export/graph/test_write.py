"""Files on disk: the same bytes for the same model, large weights beside them, whole or not at all."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from support import tiny
from support.graphs import (
    DIALECTS,
    NOTHING_LEFT,
    UNEQUAL,
    assert_equal_logits,
    graph_of,
    inputs_of,
    onnx_logits,
    torch_logits,
)

from export.graph.build import build_graph, random_weights
from export.graph.write import staged_onnx, write_onnx
from prune.shape import ModelShape
from trellis.errors import InputError

DATA = re.compile(r"out\.onnx\.[0-9a-f]{16}\.data")


def tiny_graph(seed: int = 0) -> onnx.ModelProto:
    return build_graph(tiny.encoder(), UNEQUAL, random_weights(tiny.encoder(), UNEQUAL, seed=seed))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


_WRITE_TWICE = """
import json, sys
from pathlib import Path
from export.graph.build import build_graph, random_weights
from export.metadata import Metadata, stamp
from export.graph.write import write_onnx
from prune.families.encoder import Encoder
from prune.shape import ModelShape

encoder, shape = Encoder.from_dict(json.loads(sys.argv[1])), ModelShape.uniform(3, 2, 7)
for name, external_above in (("within.onnx", 2**31), ("beside.onnx", 0)):
    graph = build_graph(encoder, shape, random_weights(encoder, shape), dialect=sys.argv[2])
    stamp(graph, Metadata(encoder, shape, shape, sys.argv[2], "fp32", "tiny", {"b": 1, "a": {"d": 2, "c": 3}}))
    write_onnx(graph, Path(sys.argv[3]) / name, external_above=external_above)
"""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_input_gives_the_same_bytes_in_any_process(tmp_path: Path, dialect: str) -> None:
    files = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed}
        encoder = json.dumps(tiny.encoder("electra").to_dict())
        arguments = [sys.executable, "-c", _WRITE_TWICE, encoder, dialect, str(folder)]
        subprocess.run(arguments, check=True, env=environment)
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(files[0]) == 3
    assert files[0] == files[1]


def test_large_weights_go_to_a_file_of_their_own(tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL)
    path = tmp_path / "out.onnx"
    write_onnx(graph_of(model, "onnxruntime"), path, external_above=10_000)
    (data,) = [name for name in names(tmp_path) if name != "out.onnx"]
    assert DATA.fullmatch(data)
    assert (tmp_path / data).stat().st_size > path.stat().st_size / 4
    inputs = inputs_of(tiny.encoder(), [[1] * 9, [1] * 4 + [0] * 5])
    assert_equal_logits(onnx_logits(path, inputs), torch_logits(model, inputs))
    onnx.checker.check_model(path)


def test_small_weights_stay_inside(tmp_path: Path) -> None:
    path = tmp_path / "out.onnx"
    write_onnx(tiny_graph(), path)
    assert names(tmp_path) == ["out.onnx"]
    assert onnx.load(path) == tiny_graph()


@pytest.mark.parametrize("shape", [UNEQUAL, NOTHING_LEFT, ModelShape.uniform(20, 4, 700)])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_written_piece_by_piece_it_is_what_protobuf_would_write(
    tmp_path: Path, shape: ModelShape, dialect: str
) -> None:
    weights = random_weights(tiny.encoder(), shape)
    graph = build_graph(tiny.encoder(), shape, weights, dialect=dialect)
    expected = graph.SerializeToString(deterministic=True)
    write_onnx(graph, tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").read_bytes() == expected


def test_the_old_data_file_goes_and_other_peoples_files_stay(tmp_path: Path) -> None:
    path = tmp_path / "out.onnx"
    bystanders = [
        "out.onnx.my.data",
        "out.onnx.0123456789abcdef.data.bak",
        "other.onnx.0123456789abcdef.data",
    ]
    for name in bystanders:
        (tmp_path / name).write_text("mine")
    seen = set()
    for seed in (0, 1, 1):
        write_onnx(tiny_graph(seed), path, external_above=0)
        (data,) = [name for name in names(tmp_path) if DATA.fullmatch(name)]
        seen.add(data)
        assert names(tmp_path) == sorted(["out.onnx", data, *bystanders])
    assert len(seen) == 2
    write_onnx(tiny_graph(), path)
    assert names(tmp_path) == sorted(["out.onnx", *bystanders])


def test_a_name_full_of_wildcards_is_only_a_name(tmp_path: Path) -> None:
    neighbour, path = tmp_path / "outa.onnx", tmp_path / "out[a].onnx"
    write_onnx(tiny_graph(), neighbour, external_above=0)
    for seed in (0, 1):
        write_onnx(tiny_graph(seed), path, external_above=0)
    assert len(names(tmp_path)) == 4
    inputs = inputs_of(tiny.encoder(), [[1] * 9])
    assert_equal_logits(onnx_logits(neighbour, inputs), onnx_logits(tiny_graph(), inputs))
    assert_equal_logits(onnx_logits(path, inputs), onnx_logits(tiny_graph(1), inputs))


@pytest.mark.parametrize("external_above", [0, 2**31])
def test_what_fails_on_the_way_leaves_all_as_it_was(tmp_path: Path, external_above: int) -> None:
    path = tmp_path / "out.onnx"
    write_onnx(tiny_graph(), path, external_above=external_above)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def interrupted() -> None:
        with staged_onnx(tiny_graph(1), path, external_above=external_above) as staged:
            assert staged != path
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


@pytest.mark.parametrize("external_above", [0, 2**31])
def test_the_staged_file_loads_before_it_takes_its_place(tmp_path: Path, external_above: int) -> None:
    inputs = inputs_of(tiny.encoder(), [[1] * 9])
    with staged_onnx(tiny_graph(), tmp_path / "out.onnx", external_above=external_above) as staged:
        early = onnx_logits(staged, inputs)
        assert not (tmp_path / "out.onnx").exists()
    assert_equal_logits(onnx_logits(tmp_path / "out.onnx", inputs), early)


_ENDLESS = """
import json, sys
from itertools import cycle
from pathlib import Path
from export.graph.build import build_graph, random_weights
from export.graph.write import write_onnx
from prune.families.encoder import Encoder
from prune.shape import ModelShape

encoder, shape = (kind.from_dict(json.loads(text)) for kind, text in zip((Encoder, ModelShape), sys.argv[1:3]))
for seed in cycle((0, 1)):
    graph = build_graph(encoder, shape, random_weights(encoder, shape, seed=seed))
    write_onnx(graph, Path(sys.argv[3]), external_above=int(sys.argv[4]))
    print(seed, flush=True)
"""


@pytest.mark.parametrize("external_above", [0, 2**31])
def test_killed_at_any_moment_the_file_still_loads(tmp_path: Path, external_above: int) -> None:
    path = tmp_path / "out.onnx"
    sizes = [json.dumps(value.to_dict()) for value in (tiny.encoder(), UNEQUAL)]
    inputs = inputs_of(tiny.encoder(), [[1] * 9])
    allowed = [onnx_logits(tiny_graph(seed), inputs)[0].round(4).tolist() for seed in (0, 1)]
    for delay in (0.0, 0.0031, 0.0113):
        process = subprocess.Popen(
            [sys.executable, "-c", _ENDLESS, *sizes, str(path), str(external_above)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert onnx_logits(path, inputs)[0].round(4).tolist() in allowed
    write_onnx(tiny_graph(), path, external_above=external_above)
    data = [name for name in names(tmp_path) if DATA.fullmatch(name)]
    assert len(data) == (1 if external_above == 0 else 0)  # what the killed ones left is cleared away


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no directory"):
        write_onnx(tiny_graph(), tmp_path / "absent" / "out.onnx")
    assert names(tmp_path) == []
