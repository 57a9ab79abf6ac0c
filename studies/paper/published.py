"""The paper's own figures at its operating points, which ours stand beside (BERT-large; McCarley et al. 2021)."""

from dataclasses import dataclass, field

from studies.paper.names import Training


@dataclass(frozen=True)
class Published:
    """One measure of accuracy, in percent."""

    unpruned: float
    points: dict[tuple[int, Training], float]
    """By multiple of λ* for heads and activations alike, and how training went on."""
    speedups: dict[int, float] = field(default_factory=dict)
    """Of decoding on a K80, one window at a time, by multiple of λ*."""


PUBLISHED = {
    "f1": Published(
        84.6,
        {
            **{(1, "none"): 82.6, (2, "none"): 80.9, (3, "none"): 76.8, (4, "none"): 67.8},
            **{(1, "retrain"): 83.7, (2, "retrain"): 83.2, (3, "retrain"): 82.4, (4, "retrain"): 81.5},
        },
        {1: 1.63, 2: 1.95, 3: 2.24, 4: 2.40},
    ),
    "long_f1": Published(66.1, {(1, "retrain"): 65.9, (2, "retrain"): 64.2}),
    "short_f1": Published(54.7, {(1, "retrain"): 51.7, (2, "retrain"): 49.6}),
}
"""By measure; on Natural Questions with the gates of SQuAD 2.0."""
