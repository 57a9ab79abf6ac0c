"""A result of bench, read back from its JSON: as much of it as two results are compared by."""

import math
from dataclasses import dataclass
from pathlib import Path

from bench.json_field import Field
from bench.measure.turns import Block
from bench.result import FORMAT
from bench.workload import ROLES, Role, Turn
from trellis.errors import InputError
from trellis.files.json_file import read_json

_OLDER = (3,)
"""Formats that are read as well."""
_NAMES_BEFORE_4 = {
    "F1": "F1 at the best threshold",
    "F1, has answer": "has-answer F1, none refused",
    "F1, long answers": "F1 of long answers at the best threshold",
    "F1, short answers": "F1 of short answers at the best threshold",
    "EM": "exact match at the best threshold",
}
"""What figures of format 3 are called since: it gave first those at thresholds set on the very questions."""
_MOST = math.log(1e6)
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


@dataclass(frozen=True)
class SavedModel:
    """One model, and how it was run."""

    name: str
    runtime: str
    device: str
    precision: str
    threads: int
    clients: int
    timing: str
    sha256: str | None
    """Of its files; None: random weights."""


@dataclass(frozen=True)
class SavedPoint:
    """One operating point."""

    where: str
    """In words, as the result has it."""
    log_ratios: tuple[tuple[float, ...], ...]
    """Launch by launch, block by block, from the raw samples: log of the baseline's time over the candidate's."""
    pilot: int
    """How many launches had been made when it was decided how many to make."""
    p50: dict[Role, float]
    """Median seconds of a timed unit."""


@dataclass(frozen=True)
class SavedAccuracy:
    """How the models answered."""

    task: str
    questions: int
    metrics: dict[str, dict[Role, float]]
    """In percent, by name, of the models that have one."""
    thresholds: str
    """What questions are refused by as served, see `bench.accuracy.Thresholds`."""


@dataclass(frozen=True)
class Pair:
    """What tells one comparison of a result from the others, and finds it again in another result."""

    candidate: str
    baseline: str
    runtime: str
    precision: str
    """The candidate's."""
    baseline_precision: str
    threads: int
    clients: int
    timing: str

    @property
    def label(self) -> str:
        """In words."""
        against = "" if self.precision == self.baseline_precision else f" against {self.baseline_precision}"
        clients = f", {self.clients} clients" if self.clients > 1 else ""
        timed = "" if self.timing == "call" else f", timed by {self.timing}"
        how = f"{self.runtime}, {self.precision}{against}, {self.threads} threads{clients}{timed}"
        return f"{self.candidate} against {self.baseline} ({how})"


@dataclass(frozen=True)
class SavedComparison:
    """A candidate against a baseline."""

    models: dict[Role, SavedModel]
    points: tuple[SavedPoint, ...]
    accuracy: SavedAccuracy | None

    @property
    def pair(self) -> Pair:
        """What it is known by."""
        candidate, baseline = self.models["candidate"], self.models["baseline"]
        return Pair(
            candidate.name,
            baseline.name,
            candidate.runtime,
            candidate.precision,
            baseline.precision,
            candidate.threads,
            candidate.clients,
            candidate.timing,
        )


@dataclass(frozen=True)
class Saved:
    """A whole result."""

    source: str
    """The file, as the user named it."""
    date: str
    environment: dict[str, str]
    """All that must agree for times to be comparable, by name."""
    comparisons: tuple[SavedComparison, ...]


def read_saved(path: Path) -> Saved:
    """Read a file that `bench --json` wrote.

    Raises InputError, one sentence that names the field, where it is absent, no such file, of another format,
    or damaged.
    """
    return parse_saved(Field(read_json(path, "result of bench"), str(path)))


def parse_saved(root: Field) -> Saved:
    """The result in `root`; raises InputError as `read_saved` does."""
    _check_format(root)
    older = root["format"].value != FORMAT
    comparisons = tuple(_comparison(one, older) for one in root["comparisons"].items(least=1))
    seen = set()
    for known in ((one.pair, point.where) for one in comparisons for point in one.points):
        if known in seen:
            raise InputError(
                f"{root.source} holds {known[0].label} at {known[1]} more than once, so it cannot be told which of "
                "them to compare; measure each model once."
            )
        seen.add(known)
    place = root["environment"]
    inputs = root["settings"]["inputs"].text()
    return Saved(root.source, place["date"].text(), {**_environment(place), "inputs": inputs}, comparisons)


def _check_format(root: Field) -> None:
    if type(root.value) is dict:
        for keys, what in _OTHERS:
            if keys <= root.value.keys():
                raise InputError(f"{root.source} is {what}.")
    if type(root.value) is not dict or "format" not in root.value:
        raise InputError(f"{root.source} is no result of bench; give a file that bench --json wrote.")
    written = root["format"].value
    if written not in (FORMAT, *_OLDER):
        newer = type(written) is int and written > FORMAT
        advice = "compare with the version that wrote it" if newer else "measure again with this version"
        raise InputError(
            f"{root.source} is a result of format {written!r:.40}, and formats {_OLDER[0]} and {FORMAT} are what this "
            f"version of bench reads; {advice}."
        )


def _environment(place: Field) -> dict[str, str]:
    flags, memory = place["cpu_flags"].items(), place["memory_bytes"].whole(least=0)
    return {
        "cpu": place["cpu"].text(),
        "cores": str(place["cores"].whole(least=1)),
        "processors": str(place["processors"].whole(least=1)),
        "cpu flags": " ".join(flag.text() for flag in flags),
        # Kernels of one machine differ by some megabytes in what they keep for themselves.
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": place["system"].text(),
        "python": place["python"].text(),
        "gpu": _optional(place["gpu"]) or "none",
        "governor": _optional(place["governor"]) or "unknown",
        **{name: version.text() for name, version in place["packages"].fields().items()},
    }


def _comparison(one: Field, older: bool) -> SavedComparison:
    models: dict[Role, SavedModel] = {role: _model(one[role]) for role in ROLES}
    points = tuple(_point(point, models) for point in one["points"].items(least=1))
    accuracy = one["accuracy"]
    return SavedComparison(models, points, None if accuracy.is_null else _accuracy(accuracy, older))


def _model(model: Field) -> SavedModel:
    return SavedModel(
        name=model["name"].text(),
        runtime=model["runtime"].text(),
        device=model["device"].text(),
        precision=model["precision"].text(),
        threads=model["threads"].whole(least=1),
        clients=model["clients"].whole(least=1),
        timing=model["timing"].text(),
        sha256=_optional(model["sha256"]),
    )


def _point(point: Field, models: dict[Role, SavedModel]) -> SavedPoint:
    launches = tuple(_log_ratios(launch, models) for launch in point["launches"].items(least=2))
    pilot = point["pilot"].whole(least=2)
    if pilot > len(launches):
        raise point["pilot"].wrong(f"no more than the {len(launches)} launches there are")
    p50: dict[Role, float] = {role: point[role]["p50"].seconds() for role in ROLES}
    return SavedPoint(point["where"].text(), launches, pilot, p50)


def _log_ratios(launch: Field, models: dict[Role, SavedModel]) -> tuple[float, ...]:
    return tuple(_log_ratio(block, models) for block in launch["blocks"].items(least=1))


def _log_ratio(block: Field, models: dict[Role, SavedModel]) -> float:
    turns: dict[Role, list[Turn]] = {
        role: [_turn(turn, model.clients) for turn in block[role].items(least=1)]
        for role, model in models.items()
    }
    found = Block("baseline", turns).log_ratio  # which came first does not matter here
    if abs(found) > _MOST:
        raise InputError(
            f"{block.source} is damaged: in {block.place} one engine is more than 1,000,000× as fast as the "
            "other; measure again."
        )
    return found


def _turn(turn: Field, clients: int) -> Turn:
    seconds = tuple(second.seconds() for second in turn["seconds"].items(least=1))
    return Turn(seconds, turn["wall"].seconds(), clients)


def _accuracy(accuracy: Field, older: bool) -> SavedAccuracy:
    metrics = accuracy["metrics"].items()
    return SavedAccuracy(
        task=accuracy["task"].text(),
        questions=accuracy["questions"].whole(least=1),
        metrics={_name(metric["name"].text(), older): _values(metric["values"]) for metric in metrics},
        thresholds="own" if older else accuracy["thresholds"].text(),
    )


def _name(name: str, older: bool) -> str:
    return _NAMES_BEFORE_4.get(name, name) if older else name


def _values(values: Field) -> dict[Role, float]:
    found = values.fields()
    return {role: found[role].number() for role in ROLES if role in found}


def _optional(field: Field) -> str | None:
    return None if field.is_null else field.text()
