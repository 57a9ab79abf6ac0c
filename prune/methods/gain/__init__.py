"""gain: how much the loss would feel each gate."""
