"""What goes through question-answering models, seen by a hook on all modules."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from transformers import PreTrainedModel


class Seen:
    """Windows that went through question-answering models: forward alone, or forward and back."""

    def __init__(self) -> None:
        self.forward = self.backward = 0

    def note(self, module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(module, PreTrainedModel) and hasattr(output, "start_logits"):
            rows = len(output.start_logits)
            if output.start_logits.requires_grad:
                self.backward += rows
            else:
                self.forward += rows


@contextmanager
def seeing() -> Iterator[Seen]:
    """Look on within."""
    seen = Seen()
    handle = register_module_forward_hook(seen.note)
    try:
        yield seen
    finally:
        handle.remove()
