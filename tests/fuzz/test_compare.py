"""bench compare on results that are wrong somewhere: one sentence, or what changed."""

import json
import random
from pathlib import Path

from fuzz.commands import hunt
from fuzz.hostile import TEXTS, changed, written
from support.plain_result import plain_result


def test_results(tmp_path: Path) -> None:
    result = plain_result([0.5, 0.6, 0.55], [0.5, 0.7], f1=(80.0, 79.0))
    (tmp_path / "old.json").write_text(json.dumps(result))

    def prepare(rng: random.Random, room: Path) -> list[str]:
        files = [str(tmp_path / "old.json"), str(room / "new.json")]
        (room / "new.json").write_bytes(written(changed(result, rng), rng))
        rng.shuffle(files)
        limit = ["--max-regression", rng.choice(TEXTS)] if rng.random() < 0.2 else []
        return [*files, *limit, "--json", str(room / "out")]

    hunt("results of bench", "bench compare", tmp_path / "cases", 300, prepare)
