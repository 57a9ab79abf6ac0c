"""PyTorch, as a user runs the model directory itself: eager, or compiled."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from bench.runners import Logits, Run
from bench.spec import Device, Engine
from prune.errors import InputError, InstallationError


def check(device: Device) -> None:
    """Raise InputError where torch, or the device in torch, is not here."""
    try:
        import torch
    except ImportError as error:
        raise InstallationError("torch is not installed; install it: pip install torch") from error
    if device == "tensorrt":
        raise InputError(
            "--device tensorrt is a provider of onnxruntime; with --runtime torch give --device cpu or cuda."
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise InstallationError(
            f"--device cuda, and torch {torch.__version__} sees no GPU; check that nvidia-smi lists one and "
            "install a CUDA build of torch, or "
            "give --device cpu."
        )


def load(engine: Engine) -> Run:
    """The model in `engine.path`, or one of random weights, in evaluation mode with default attention.

    Compiled, it is built anew for each size that it meets (torch.compile with its default backend, static
    shapes): the first call takes a minute or so.
    """
    import torch

    from prune import checkpoint

    torch.set_num_threads(engine.threads)
    if engine.path is None:
        model = checkpoint.random_model(engine.encoder, engine.shape)
    else:
        model = checkpoint.load(engine.path)
    device = torch.device(engine.device)
    model.to(device)  # type: ignore[arg-type]  # wrapped in a way that loses its signature
    forward = torch.compile(model, dynamic=False) if engine.runtime == "torch-compiled" else model

    @torch.inference_mode()
    def run(inputs: Mapping[str, NDArray[Any]]) -> Logits:
        tensors = {name: torch.from_numpy(array).to(device) for name, array in inputs.items()}
        output = forward(**tensors)
        return output.start_logits.cpu().numpy(), output.end_logits.cpu().numpy()

    return run
