"""The one place that tells tests where the real data and the real model lie; both may be absent."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[3] / "shared"
REAL_DATA = _SHARED / "data"
REAL_MODEL = _SHARED / "models" / "minilm-squad2"

needs_real_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the real question-answering data is absent"
)
needs_real_model = pytest.mark.skipif(not REAL_MODEL.is_dir(), reason="the fine-tuned model is absent")
