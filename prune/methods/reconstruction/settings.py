"""What reconstruction can be told; importing this is light."""

from dataclasses import dataclass

from trellis.bounds import MOST, MOST_RATE, MOST_SEED, check_number, check_whole

LEAST_DAMPING = 1e-5
"""Products in float32 leave eigenvalues of down to -3e-6 of the mean where 3,072 inputs depend on each other: with less
damping a Cholesky decomposition may fail."""


@dataclass(frozen=True)
class ReconstructionSettings:
    """Settings of one reconstruction. Raises InputError, naming the setting, for nonsense."""

    calibration_windows: int = 512
    """Windows that weights are fitted to."""
    sensitivity_windows: int = 256
    """Windows among these that say which changes the answers feel."""
    pricing_windows: int = 24
    """Windows that say what each level costs."""
    judging_windows: int = 48
    """Windows that say whether a rebuilt sublayer is better."""
    damping: float = 1e-2
    """Ridge, as a share of the mean variance of what a Linear reads."""
    multiple_of: int = 8
    """Of feed-forward widths."""
    batch_size: int = 8
    """Windows that go through the model at once."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "calibration_windows",
            "sensitivity_windows",
            "pricing_windows",
            "judging_windows",
            "multiple_of",
            "batch_size",
        ):
            check_whole(f"Reconstruction's {name}", getattr(self, name), 1, MOST)
        check_number("Reconstruction's damping", self.damping, LEAST_DAMPING, MOST_RATE)
        check_whole("Reconstruction's seed", self.seed, 0, MOST_SEED)
