"""The order in which an epoch shows its windows: random, but with like lengths together."""

import numpy as np
from numpy.typing import NDArray

_POOL = 64  # batches among which windows are sorted: little padding, and still other company each epoch


def epoch_order(lengths: NDArray[np.integer], batch_size: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of all windows, [windows], that depends on the arguments alone.

    Each run of `batch_size` windows, from the first on, is a batch of like lengths; batches are in random
    order. Where the windows do not fill all batches, the last one is a random few of them.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    num_full = len(order) // batch_size
    full, rest = np.split(order, [num_full * batch_size])
    pools = [
        pool[np.argsort(lengths[pool], kind="stable")]
        for pool in np.split(full, range(_POOL * batch_size, len(full), _POOL * batch_size))
    ]
    batches = np.concatenate(pools).reshape(num_full, batch_size)
    return np.concatenate([generator.permutation(batches).ravel(), rest]).astype(np.int64)
