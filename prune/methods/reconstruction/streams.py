"""Hidden states between two layers, for all batches: a model run one layer at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original, layer_module
from prune.methods.reconstruction.inputs import Inputs
from prune.modes import evaluating


class _Reached(Exception):  # noqa: N818  (it ends a pass early; nothing is wrong)
    """All that was to be seen was seen."""


@dataclass(frozen=True)
class _Call:
    """How a layer is called on one batch, but for the hidden states; all layers of a model are called alike."""

    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    states: str | None
    """Name under which the hidden states come; None: they come first."""


class Stream:
    """Where `model` stands on some batches: before layer `index`, with the hidden states that enter it.

    It starts before the first layer. The layers may change in between, as long as they are not passed yet.
    """

    def __init__(self, model: PreTrainedModel, batches: Sequence[Inputs]) -> None:
        self._model = model
        self._batches = batches
        self._family = encoder_and_original(model)[0].family
        self.index = 0
        self._calls: list[_Call] = []
        self._states: list[Tensor] = []
        for batch in batches:
            self._enter(batch)

    def caught(
        self, batch: int, inputs: Sequence[nn.Module] = (), outputs: Sequence[nn.Module] = ()
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What these modules of the layer ahead read, and give, on that batch; no more of it is run than needs be."""
        return caught(lambda: self._run(batch), inputs, outputs)

    @torch.no_grad()
    def outputs(self, batch: int) -> Any:
        """What the whole model gives on that batch, run from the layer ahead on."""
        place = f"{self._family.encoder}.{self._family.layers}"
        layers = self._model.get_submodule(place)
        ahead = list(layers.children())[self.index :]
        hook = ahead[0].register_forward_pre_hook(partial(self._entering, batch), with_kwargs=True)
        self._model.set_submodule(place, nn.ModuleList(ahead))
        try:
            with evaluating(self._model):
                return self._model(**self._batches[batch])
        finally:
            self._model.set_submodule(place, layers)
            hook.remove()

    def advance(self) -> None:
        """Go through one layer, as it is now."""
        for batch in range(len(self._states)):
            self._states[batch] = self._run(batch)
        self.index += 1

    @property
    def states(self) -> Sequence[Tensor]:
        """Of each batch, [batch, longest, hidden]."""
        return self._states

    def _layer(self) -> nn.Module:
        return layer_module(self._model, self._family, self.index)

    @torch.no_grad()
    def _run(self, batch: int) -> Tensor:
        call, states = self._calls[batch], self._states[batch]
        with evaluating(self._model):
            if call.states is None:
                outputs = self._layer()(states, *call.positional, **call.named)
            else:
                outputs = self._layer()(*call.positional, **{**call.named, call.states: states})
        hidden: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
        return hidden

    def _entering(
        self, batch: int, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        call, states = self._calls[batch], self._states[batch]
        if call.states is None:
            return (states, *positional[1:]), named
        return positional, {**named, call.states: states}

    @torch.no_grad()
    def _enter(self, batch: Inputs) -> None:
        def note(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
            if positional:
                self._calls.append(_Call(positional[1:], named, None))
                self._states.append(positional[0])
            else:
                name = next(iter(named))
                self._calls.append(_Call((), named, name))
                self._states.append(named[name])
            raise _Reached

        hook = self._layer().register_forward_pre_hook(note, with_kwargs=True)
        try:
            with evaluating(self._model):
                self._model(**batch)
        except _Reached:
            pass
        finally:
            hook.remove()


def caught(
    run: Callable[[], Any], inputs: Sequence[nn.Module], outputs: Sequence[nn.Module]
) -> tuple[list[Tensor], list[Tensor]]:
    """What `inputs` read and what `outputs` give while `run` runs, which ends as soon as all is known."""
    read: dict[int, Tensor] = {}
    given: dict[int, Tensor] = {}

    def check() -> None:
        if len(read) == len(inputs) and len(given) == len(outputs):
            raise _Reached

    def reading(_module: nn.Module, arguments: tuple[Tensor, ...], *, place: int) -> None:
        read[place] = arguments[0]
        check()

    def giving(_module: nn.Module, _arguments: Any, output: Tensor, *, place: int) -> None:
        given[place] = output
        check()

    hooks = [
        *(
            module.register_forward_pre_hook(partial(reading, place=place))
            for place, module in enumerate(inputs)
        ),
        *(module.register_forward_hook(partial(giving, place=place)) for place, module in enumerate(outputs)),
    ]
    try:
        run()
    except _Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return [read[place] for place in range(len(inputs))], [given[place] for place in range(len(outputs))]
