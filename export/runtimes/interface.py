"""What a loaded graph reads and gives, held against what is asked of it: the file is untrusted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from export.runtimes.engine_spec import EngineSpec
from trellis.errors import InputError


class Port(NamedTuple):
    """An input or output, as a runtime tells of it."""

    names: frozenset[str]
    """Each may go by one or several names, or none."""
    type: str
    """As the runtime calls it."""


def check_interface(
    spec: EngineSpec, inputs: Iterable[Port], outputs: Iterable[Port], floats: Sequence[str]
) -> None:
    """Raise InputError unless the graph has exactly the ports of `spec`, its outputs of a type in `floats`."""
    given = list(outputs)
    for what, ports, expected in (("inputs", list(inputs), spec.inputs), ("outputs", given, spec.outputs)):
        if len(ports) != len(expected) or not all(
            any(name in port.names for port in ports) for name in expected
        ):
            found = ", ".join(sorted("/".join(sorted(port.names)) or "(nameless)" for port in ports))
            raise InputError(
                f"The graph in {spec.path} has the {what} {found or '(none)'}; its metadata calls for "
                f"{', '.join(sorted(expected))}. Export the model again."
            )
    for name in spec.outputs:
        kind = next(port.type for port in given if name in port.names)
        if kind not in floats:
            raise InputError(
                f"{spec.path} gives {name} as {kind}, expected one of {', '.join(floats)}: it is no model of "
                "prune-export's; export it again."
            )
