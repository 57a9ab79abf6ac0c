"""Measure how many times as fast a cut model is as the whole one.

    python examples/07-measure-from-python.py FOLDER MODEL

FOLDER is what prune-export wrote; MODEL is the directory of the uncut model.
"""

import sys

import bench

folder, model = sys.argv[1:]
result = bench.compare(
    [folder],
    baseline=model,
    points=bench.OperatingPoints(batch=(1, 8), seq=(32,)),
    effort=bench.Effort(
        max_time=10
    ),  # seconds for each of the two points; without it as long as the interval needs
    limits=bench.Limits(min_speedup=0.1),
)

(comparison,) = result.comparisons
for point in comparison.points:
    found = point.speedup
    print(f"{point.where}: {found.estimate:.2f}× as fast, 95 % interval {found.low:.2f} to {found.high:.2f}")
for note in result.notes:
    print("Note:", note)
print("every limit is met:", all(limit.met for limit in result.limits))
