"""The formats that results of bench were written in, and how an older one becomes today's.

4: since then accuracy as served comes first, and says by which thresholds; every point, comparison and result has its
   warnings.
3: gave first the figures at thresholds set on the very questions, and called them F1. Warnings, `firm` of the settings,
   `throttled_seconds` and a metric's `questions` came while it was in use: some files lack them.
Older ones held other samples; they are not read.
"""

from collections.abc import Callable
from typing import Any

from trellis.errors import InputError

FORMAT = 4
_OLDER = (3,)

_NAMES_BEFORE_4 = {
    "F1": "F1 at the best threshold",
    "F1, has answer": "has-answer F1, none refused",
    "F1, long answers": "F1 of long answers at the best threshold",
    "F1, short answers": "F1 of short answers at the best threshold",
    "EM": "exact match at the best threshold",
}
"""What figures of format 3 are called since."""
_INSTEAD = "measure the models that are to be compared with bench MODEL --json FILE, and give these files"
_OTHERS = (
    (
        {"parity", "provenance", "shape"},
        f"what prune-export wrote with --json: it says how a model was cut and holds no times; {_INSTEAD}",
    ),
    (
        {"same_environment", "points", "only_old"},
        "what bench compare wrote with --json: it holds what changed already; give the two results that it was made of",
    ),
    (
        {"library", "profiles", "layers_by_dtype"},
        f"the description of an engine, and holds no times; {_INSTEAD}",
    ),
    ({"part", "name", "found"}, f"a cell of a study, and no result of bench; {_INSTEAD}"),
)
"""Other files of this project, known by their fields, and what to do where one of them is given."""


def in_todays_format(data: Any, source: str) -> dict[str, Any]:
    """The result `data`, as read from `source`, with the fields and names of FORMAT; its values are not checked.

    Raises InputError where it is no result of bench, or of a format that is not read.
    """
    if type(data) is dict:
        for keys, what in _OTHERS:
            if keys <= data.keys():
                raise InputError(f"{source} is {what}.")
    if type(data) is not dict or "format" not in data:
        raise InputError(f"{source} is no result of bench; give a file that bench --json wrote.")
    written = data["format"]
    if type(written) is not int or written not in (FORMAT, *_OLDER):
        newer = type(written) is int and written > FORMAT
        advice = "compare with the version that wrote it" if newer else "measure again with this version"
        raise InputError(
            f"{source} is a result of format {written!r:.40}, and formats {_OLDER[0]} and {FORMAT} are what this "
            f"version of bench reads; {advice}."
        )
    return data if written == FORMAT else _from_3(data)


def _from_3(data: dict[str, Any]) -> dict[str, Any]:
    data = _with(data, warnings=[]) | {"format": 4}
    _change(data, "settings", lambda settings: _with(settings, firm=False))
    _change(data, "disturbance", lambda disturbance: _with(disturbance, throttled_seconds=0.0))
    _change(data, "comparisons", _each(_comparison_from_3))
    return data


def _comparison_from_3(comparison: Any) -> Any:
    comparison = _with(comparison, warnings=[])
    _change(comparison, "points", _each(lambda point: _with(point, warnings=[])))
    _change(comparison, "accuracy", _accuracy_from_3)
    return comparison


def _accuracy_from_3(accuracy: Any) -> Any:
    accuracy = _with(accuracy, thresholds="own", warnings=[])
    _change(accuracy, "metrics", _each(_metric_from_3))
    return accuracy


def _metric_from_3(metric: Any) -> Any:
    metric = _with(metric, questions=None)
    _change(metric, "name", lambda name: _NAMES_BEFORE_4.get(name, name) if type(name) is str else name)
    return metric


def _with(value: Any, **absent: Any) -> Any:
    """A copy of the object `value` with those of the fields that it lacks; what is no object stays as it is."""
    return (
        {**value, **{name: each for name, each in absent.items() if name not in value}}
        if type(value) is dict
        else value
    )


def _change(value: Any, name: str, change: Callable[[Any], Any]) -> None:
    """Have `change` make another value of a field, where there is one."""
    if type(value) is dict and name in value:
        value[name] = change(value[name])


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Does with each element of a list what `change` does with one; what is no list stays as it is."""
    return lambda value: [change(each) for each in value] if type(value) is list else value
