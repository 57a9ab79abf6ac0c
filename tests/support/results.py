"""Results as `bench --json` writes them, of any number of models, with figures that are easy to check."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ENCODER = {
    "model_type": "bert",
    "vocab_size": 30522,
    "embedding_size": 384,
    "hidden_size": 384,
    "head_size": 32,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "layer_norm_eps": 1e-12,
}
WHOLE = {"num_heads": [12] * 6, "intermediate_size": [1536] * 6}
CUT = {"num_heads": [3, 4, 6, 7, 5, 2], "intermediate_size": [320, 480, 640, 720, 560, 256]}
QUESTIONS = 1378


@dataclass(frozen=True)
class Side:
    """One model of a comparison."""

    name: str
    shape: Mapping[str, Sequence[int]] = field(default_factory=lambda: CUT)
    f1: float | None = None
    precision: str = "fp32"
    runtime: str = "onnxruntime"
    threads: int = 2

    def to_dict(self) -> dict[str, Any]:
        weights = "random" if self.name.startswith("unpruned twin") else "trained"
        return {
            "name": self.name,
            "encoder": ENCODER,
            "shape": self.shape,
            "original_shape": WHOLE,
            "dialect": "onnxruntime" if self.precision == "fp32" else "onnxruntime-int8",
            "precision": self.precision,
            "weights": weights,
            "runtime": self.runtime,
            "device": "cpu",
            "threads": self.threads,
            "clients": 1,
            "timing": "call",
            "bytes": 91_000_000,
            "sha256": "ab" * 32 if weights == "trained" else None,
            "parameters": 22_565_000,
        }


TWIN = Side("unpruned twin of out/model.onnx", WHOLE)


def comparison(
    candidate: Side,
    baseline: Side = TWIN,
    *,
    times: float = 2.0,
    width: float = 0.02,
    loads: Sequence[Mapping[str, Any]] = ({"batch": 1, "seq": 384},),
) -> dict[str, Any]:
    """`candidate` is `times` as fast at every load, its interval reaching `width` to either side."""
    accuracy = None
    if candidate.f1 is not None:
        accuracy = _accuracy(candidate.f1, baseline.f1)
    return {
        "baseline": baseline.to_dict(),
        "candidate": candidate.to_dict(),
        "points": [_point(load, times, width) for load in loads],
        "accuracy": accuracy,
        "warnings": [],
    }


def workloads(batches: Sequence[int], lengths: Sequence[int]) -> list[dict[str, int]]:
    """Every batch with every length."""
    return [{"batch": batch, "seq": seq} for batch in batches for seq in lengths]


def result(
    comparisons: Sequence[Mapping[str, Any]],
    *,
    gates: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    command: str = "bench out/model.onnx",
) -> dict[str, Any]:
    """What the command found, on a machine of two cores."""
    return {
        "format": 4,
        "command": command,
        "environment": {
            "date": "2026-01-01T00:00:00+00:00",
            "cpu": "Some CPU",
            "cores": 2,
            "processors": 2,
            "cpu_flags": ["avx2", "fma"],
            "governor": None,
            "memory_bytes": 2**34,
            "load_average": 0.1,
            "gpu": None,
            "system": "Linux",
            "python": "3.11.0",
            "packages": {"onnxruntime": "1.30.0", "numpy": "2.0.0"},
        },
        "disturbance": {
            "others_share": 0.01,
            "stolen_share": 0.0,
            "throttled_periods": 0,
            "throttled_seconds": 0.0,
        },
        "settings": {
            "inputs": "random token ids",
            "launches": 5,
            "blocks": 6,
            "goal": 0.02,
            "max_time": 150.0,
            "firm": False,
        },
        "comparisons": list(comparisons),
        "gates": list(gates),
        "notes": list(notes),
        "warnings": [],
    }


def gate(
    met: bool, *, name: str = "min-speedup", limit: float = 1.8, tested: str = "estimate"
) -> dict[str, Any]:
    """A limit that was set."""
    return {
        "name": name,
        "limit": limit,
        "found": limit + (0.2 if met else -0.2),
        "met": met,
        "where": "out/model.onnx, batch 1, seq 384",
        "tested": tested,
    }


def _point(load: Mapping[str, Any], times: float, width: float) -> dict[str, Any]:
    if "batch" in load:
        tokens, where = load["batch"] * load["seq"], f"batch {load['batch']}, seq {load['seq']}"
        served = load["batch"]
    else:
        tokens, where, served = 64 * 384, load["arrangement"], load["questions"]
    slow = 2e-4 * tokens
    sides = {}
    launches: list[dict[str, Any]] = [{"starts": {}, "blocks": [{"first": "baseline"}]} for _ in range(2)]
    for role, median in (("baseline", slow), ("candidate", slow / times)):
        rng = np.random.default_rng(len(role))
        seconds = median * np.exp(rng.gamma(2, 0.05, 60) - 0.084)
        start = {
            "load_seconds": 0.21,
            "first_call_seconds": 1.5 * median,
            "peak_bytes": 300_000_000,
            "device_bytes": None,
        }
        sides[role] = {
            "load": dict(load),
            **{f"p{share}": float(np.percentile(seconds, share)) for share in (50, 90, 95, 99)},
            "calls": 60,
            "throughput": served / median,
            **start,
            "multiply_adds": int(2.1e7 * tokens / (1 if role == "baseline" else 2.1)),
            "of_peak": 0.61,
        }
        for number, launch in enumerate(launches):
            launch["starts"][role] = start
            turns = [seconds[2 * number + half :: 4] for half in (0, 1)]
            launch["blocks"][0][role] = [
                {"seconds": turn.tolist(), "wall": float(turn.sum())} for turn in turns
            ]
    low, high = times / (1 + width), times * (1 + width)
    verdict = "faster" if low > 1 else "slower" if high < 1 else "undecided"
    return {
        "where": where,
        **sides,
        "speedup": {
            "estimate": times,
            "low": low,
            "high": high,
            "blocks": 30,
            "launches": 5,
            "confidence": 0.95,
            "verdict": verdict,
        },
        "multiply_add_ratio": 2.1,
        "pilot": 2,
        "launches": launches,
        "warnings": [],
    }


def _accuracy(f1: float, before: float | None) -> dict[str, Any]:
    metrics = []
    for name, more in (
        ("F1 as served", 0.0),
        ("has-answer F1 as served", -9.0),
        ("F1 of refusing every question", -8.0),
        ("F1 at the best threshold", 0.4),
        ("has-answer F1, none refused", 13.0),
    ):
        values = {"candidate": f1 + more}
        change = None
        if before is not None:
            values = {"baseline": before + more, **values}
            if "refusing" not in name:
                change = {"points": f1 - before, "low": f1 - before - 1.9, "high": f1 - before + 1.8}
        questions = None if "refusing" in name else QUESTIONS
        metrics.append({"name": name, "values": values, "change": change, "questions": questions})
    return {
        "task": "squad",
        "questions": QUESTIONS,
        "metrics": metrics,
        "without_settings": [],
        "thresholds": "own",
        "warnings": [],
    }


def realistic() -> dict[str, Any]:
    """Four models against the one they were cut from, at four operating points, some in int8."""
    whole = Side("minilm-squad2", WHOLE, f1=60.3)
    loads = workloads([1, 16], [128, 384])
    found = []
    for name, times, f1, share, precision in (
        ("cut/light/model.onnx", 1.14, 59.4, 0.87, "fp32"),
        ("cut/half/model.onnx", 1.74, 59.6, 0.53, "fp32"),
        ("cut/paper/model.onnx", 2.09, 59.3, 0.4, "fp32"),
        ("cut/paper-int8/model.onnx", 2.9, 58.6, 0.4, "int8"),
        ("every-second-layer/model.onnx", 1.02, 56.1, 0.5, "fp32"),
    ):
        shape = {key: [math.ceil(share * value) for value in values] for key, values in CUT.items()}
        shape = {
            key: [min(2 * now, was) for now, was in zip(shape[key], WHOLE[key], strict=True)] for key in shape
        }
        side = Side(name, shape, f1=f1, precision=precision)
        found.append(comparison(side, whole, times=times, loads=loads, width=0.03))
    return result(
        found,
        gates=[gate(True), gate(False, name="max-f1-loss", limit=1.0, tested="bound")],
        notes=["The 4 processors share 2 cores: what else runs on a core slows it down."],
        command="bench cut/*/model.onnx --baseline minilm-squad2 --dev dev.json --batch 1,16 --seq 128,384",
    )
