"""Which models these were, and what starting them costs."""

from collections.abc import Iterator, Sequence

from trellis.cli.bench.page.names import Compared
from trellis.html.blocks import Section, table
from trellis.html.format import digits, mebibytes, milliseconds
from trellis.html.markup import join

_KNOWN = (
    "role",
    "model",
    "runtime",
    "device",
    "threads",
    "clients",
    "timed",
    "precision",
    "dialect",
    "weights",
    "10⁶ parameters",
    "SHA-256",
)
_STARTED = ("role", "model", "loaded MiB", "load s", "first call ms", "peak memory MiB", "GPU memory MiB")


def models_section(compared: Sequence[Compared]) -> Section:
    """Both tables; a model that several comparisons hold against is named once in the first."""
    known = list(dict.fromkeys(_known(compared)))
    started = [
        (
            role,
            name,
            mebibytes(model.file_bytes),
            digits(start["load_seconds"] or 0.0),
            milliseconds(start["first_call_seconds"]),
            mebibytes(start["peak_bytes"]),
            mebibytes(start["device_bytes"]),
        )
        for each in compared
        for role, name, model in each.by_role()
        for start in [each.points[0].start(role)]
    ]
    caption = (
        "What starting costs: medians over launches, the most memory of any; at the first operating point"
    )
    return Section(
        "models",
        "Models",
        join([table("The models", _KNOWN, known, names=2), table(caption, _STARTED, started, names=2)]),
    )


def _known(compared: Sequence[Compared]) -> Iterator[tuple[str, ...]]:
    for each in compared:
        for role, _, model in each.by_role():
            yield (
                role,
                model.name,
                model.runtime,
                model.device,
                str(model.threads),
                str(model.clients),
                model.timing,
                model.precision,
                model.dialect or "no graph",
                model.weights,
                digits(model.parameters / 1e6),
                (model.sha256 or "")[:16],
            )
