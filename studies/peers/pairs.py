"""Which pairs are timed, and what each is to show."""

from dataclasses import dataclass

from bench.workload import Workload
from studies.peers.graphs import Contestant


@dataclass(frozen=True)
class Pair:
    """`candidate` is timed against `baseline` at one operating point."""

    shows: str
    candidate: Contestant
    baseline: Contestant
    workload: Workload

    @property
    def name(self) -> str:
        """Of the stored cell."""
        point = f"b{self.workload.batch}-s{self.workload.seq}"
        return f"{point}-{self.candidate.name}-over-{self.baseline.name}".replace(" ", "-")


CUT, WHOLE, PEERS, TOP = "cut over whole", "whole graphs", "beside optimum", "pruning on top"
REST = "bfloat16 beside int8"

_BOTH_POINTS = (
    (CUT, "ort cut", "ort whole"),
    (CUT, "openvino cut", "openvino whole"),
    (CUT, "ort-int8 cut", "ort-int8 whole"),
    (CUT, "openvino-int8 cut", "openvino-int8 whole"),
    (REST, "openvino-int8 cut", "openvino-int8-float32 cut"),
    (TOP, "openvino-int8 cut", "openvino whole"),
    (TOP, "openvino-int8 cut", "ort whole"),
    (TOP, "openvino-int8 cut", "optimum-o2 whole"),
    (WHOLE, "ort whole", "optimum-o2 whole"),
    (PEERS, "ort cut", "optimum-o2 cut"),
)
_ONE_POINT = (
    (TOP, "ort-int8 cut", "ort whole"),
    (WHOLE, "ort whole", "traced whole"),
    (WHOLE, "ort whole", "torch whole"),
    (WHOLE, "openvino whole", "ort whole"),
    (PEERS, "ort cut", "traced cut"),
    (PEERS, "ort cut", "optimum-o3 cut"),
    (CUT, "torch cut", "torch whole"),
    (WHOLE, "ort whole", "torch-compiled whole"),
)
_POINTS = (
    (Workload(1, 384), (*_BOTH_POINTS, *_ONE_POINT)),
    (Workload(1, 128), _BOTH_POINTS),
    (Workload(16, 128), _BOTH_POINTS),
    (Workload(16, 384), _BOTH_POINTS),
)


def _contestant(name: str) -> Contestant:
    way, cut = name.split(" ")
    return Contestant(way, cut)


PAIRS = tuple(
    Pair(shows, _contestant(candidate), _contestant(baseline), workload)
    for workload, pairs in _POINTS
    for shows, candidate, baseline in pairs
)
