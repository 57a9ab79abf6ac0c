import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "export",
        "export.graph.build",
        "export.metadata",
        "export.graph.write",
        "export.graph.dialects",
        "trellis.cli.prune_export.request",
    ],
)
def test_building_and_reading_graphs_needs_no_torch(module: str) -> None:
    program = (
        f"import {module}, sys;"
        "print([name for name in ('torch', 'transformers', 'onnxruntime', 'datasets') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_an_unpruned_twin_is_built_without_torch() -> None:
    program = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None  # importing them now fails
from export.graph.build import build_graph, random_weights
from prune.families.encoder import Encoder
from prune.shape import ModelShape
encoder = Encoder("bert", 50, 16, 16, 4, 32, 2, 0, 1e-12)
shape = ModelShape.uniform(2, 4, 24)
print(len(build_graph(encoder, shape, random_weights(encoder, shape)).SerializeToString()) > 10_000)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"
