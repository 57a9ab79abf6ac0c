"""What an import costs: torch and transformers are loaded by those who use them, not before."""

import subprocess
import sys

import pytest

import prune

_HEAVY = {"torch", "transformers", "datasets", "onnx"}


@pytest.mark.parametrize(
    "statement",
    [
        "import prune",
        "from prune import InputError, LayerShape, ModelShape",
        "import prune.families.config, prune.families.tensors, prune.cost, trellis.errors, prune.plan, prune.shape, "
        "prune.source, trellis.files.replace, prune.search.agreement, prune.methods, "
        "prune.search.by_agreement, prune.search.given, "
        "prune.tasks.question_answering.answer, prune.tasks.question_answering.builtin, "
        "prune.tasks.question_answering.windows",
    ],
)
def test_light_modules_load_nothing_heavy(statement: str) -> None:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not _HEAVY & set(done.stdout.split())


def test_everything_promised_is_there_and_nothing_else() -> None:
    assert all(getattr(prune, name) is not None for name in prune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        prune.nonsense  # noqa: B018
