import json
from pathlib import Path

from bench.measure.statistics import speedup
from bench.workload import ROLES, Effort, Workload
from studies.pairs import timed
from studies.peers.__main__ import typical_seconds
from studies.store import read_store, write_cell


def test_of_a_pair_every_call_is_kept_to_the_nanosecond(make_engine, tmp_path: Path) -> None:
    engine = make_engine()
    found = timed(engine, engine, Workload(2, 32), Effort(launches=2, blocks=3, aim=5.0))
    assert {len(launch["blocks"]) for launch in found["launches"]} == {3}
    assert len(found["launches"]) == found["speedup"]["launches"]
    blocks = [block for launch in found["launches"] for block in launch["blocks"]]
    assert all(block.keys() == {"first", *ROLES} for block in blocks)
    calls = [call for block in blocks for role in ROLES for turn in block[role] for call in turn["seconds"]]
    assert all(call > 0 and call == round(call, 9) for call in calls)
    typical = {role: typical_seconds(found, role) for role in ROLES}
    assert all(min(calls) <= typical[role] <= max(calls) for role in ROLES)
    assert found["speedup"].keys() == speedup([[0.0], [0.1]]).to_dict().keys()
    store = tmp_path / "pairs.json.gz"
    write_cell(store, "pair", "", [], found)
    assert read_store(store)["pair"]["found"] == json.loads(json.dumps(found))
