"""Whether there is a GPU for onnxruntime: what can be told without one. A stand-in plays its build for GPUs."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnxruntime
import pytest
from support import tiny
from support.graphs import OUTPUTS, UNEQUAL

from export.graph.build import build_graph
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.parity import check_parity
from export.runtimes.onnxruntime import exact
from export.runtimes.onnxruntime.exact import on_gpu
from trellis.errors import InputError

CPU, GPU = "CPUExecutionProvider", "CUDAExecutionProvider"


class Session:
    """As much of an InferenceSession as is asked for."""

    def __init__(self, providers: list[str], fails_with: str = "") -> None:
        self._providers, self._fails_with = providers, fails_with

    def get_providers(self) -> list[str]:
        return self._providers

    def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        if self._fails_with:
            raise RuntimeError(self._fails_with)
        return [f"{name} of {sorted(inputs)}" for name in names]


def play(
    monkeypatch: pytest.MonkeyPatch,
    available: list[str],
    session: Session | Exception,
    *,
    has_gpu: bool = True,
) -> list[dict[str, Any]]:
    """What InferenceSession was asked with, call by call."""
    asked = []

    def opened(file: Path, options: Any, **how: Any) -> Session:
        asked.append(how)
        if isinstance(session, Exception):
            raise session
        return session

    module = SimpleNamespace(
        get_available_providers=lambda: available,
        SessionOptions=SimpleNamespace,
        InferenceSession=opened,
        set_default_logger_severity=lambda level: None,
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    monkeypatch.setattr("export.runtimes.onnxruntime.exact.has_gpu", lambda: has_gpu)
    return asked


def test_there_is_none_where_onnxruntime_is_not_for_gpus_or_there_is_no_gpu(monkeypatch) -> None:
    assert not play(monkeypatch, [CPU], Session([CPU]))
    assert on_gpu(Path("out.onnx"), OUTPUTS) is None
    asked = play(monkeypatch, [GPU, CPU], Session([GPU, CPU]), has_gpu=False)
    assert on_gpu(Path("out.onnx"), OUTPUTS) is None
    assert not asked


def test_one_that_does_not_start_is_none_and_one_that_does_never_falls_back(monkeypatch) -> None:
    play(monkeypatch, [GPU, CPU], Session([CPU]))
    assert on_gpu(Path("out.onnx"), OUTPUTS) is None
    session = Session([GPU, CPU])
    asked = play(monkeypatch, [GPU, CPU], session)
    infer = on_gpu(Path("out.onnx"), OUTPUTS)
    assert infer
    assert infer({"ids": 1}) == {name: f"{name} of ['ids']" for name in OUTPUTS}
    assert asked == [{"providers": [GPU, CPU], "enable_fallback": 0}]


def test_one_that_takes_the_graph_not_is_one_sentence(monkeypatch) -> None:
    play(monkeypatch, [GPU, CPU], RuntimeError("CUDA failure 2: out of memory\nat line 3"))
    with pytest.raises(InputError, match=r"GPU: CUDA failure 2: out of memory\. Set CUDA_VISIBLE_DEVICES="):
        on_gpu(Path("out.onnx"), OUTPUTS)


def test_one_that_fails_on_the_way_is_one_sentence(monkeypatch, tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL)
    graph = build_graph(
        tiny.encoder("bert"), UNEQUAL, weights_of(model), dialect="onnxruntime-fp16", precision="fp16"
    )
    write_onnx(graph, tmp_path / "out.onnx")
    opened = onnxruntime.InferenceSession

    def session(file: Path, options: Any, providers: list[str], **how: Any) -> Any:
        if providers[0] == GPU:
            return Session(providers, "no kernel image\nat line 3")
        return opened(file, options, providers=providers, **how)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [GPU, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(exact, "has_gpu", lambda: True)
    monkeypatch.setattr(exact, "preload_cuda", lambda module: None)
    with pytest.raises(InputError, match=r"GPU: no kernel image\. Set CUDA_VISIBLE_DEVICES="):
        check_parity(model, tmp_path / "out.onnx", "fp16")


def test_float32_asks_for_no_gpu(monkeypatch, tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL)
    write_onnx(build_graph(tiny.encoder("bert"), UNEQUAL, weights_of(model)), tmp_path / "out.onnx")
    monkeypatch.setattr(exact, "on_gpu", lambda *_: pytest.fail("was asked"))
    assert check_parity(model, tmp_path / "out.onnx").devices == ("CPU",)
