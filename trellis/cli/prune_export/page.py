"""The page that shows a run of prune-export: made from what `pipeline.to_dict` gave. Needs no torch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prune.cost import multiply_adds, parameters
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.html.blocks import Section, beside, bullets, command, facts, grouped_table, table, verdict
from trellis.html.changes import change_of, changes_figure
from trellis.html.document import document
from trellis.html.format import digits
from trellis.html.intervals import Estimate
from trellis.html.layers import HEADINGS, layers_figure, layers_rows
from trellis.html.markup import Markup, element, join

SEQ = 384
"""Tokens at which multiply-adds are stated; attention's share grows with length."""

Run = Mapping[str, Any]


def export_page(run: Run, typed: str) -> str:
    """The whole HTML for a run of prune-export (its JSON, format 2), and what was `typed`."""
    is_cut = run["shape"] != run["original_shape"]
    sections = (
        _layers(run),
        _amounts(run),
        _accuracy(run),
        _search(run["search"]),
        _training(run["training"]),
        _parity(run["parity"]),
        _engine(run["engine"]),
        _origin(run, typed),
    )
    title = f"{'Cut' if is_cut else 'Exported whole'}: {run['model']}"
    return document(title, _lead(run), [each for each in sections if each])


def _lead(run: Run) -> list[Markup]:
    shape, whole = _shapes(run)
    heads, widths = shape.removed_from(whole)
    parity, how = run["parity"], run["how"]
    removed = f"{heads:.1%} of the heads and {widths:.1%} of the feed-forward activations removed."
    lines = [f"{how[:1].upper()}{how[1:]}.", removed]
    if run["accuracy"]:
        lines += [_change_words(each) for each in run["accuracy"]["figures"] if each["way"] == "as served"]
    elif run["search"] and (kept := run["search"]["agreement"]):
        lines.append(
            f"Its answers agree with those before the cut to {kept['mean']:.1f} % ({kept['low']:.1f} to "
            f"{kept['high']:.1f}); how well it answers was not measured."
        )
    same = verdict(
        parity["max_relative"] <= parity["tolerance"],
        f"the file's logits are those of PyTorch, to {parity['max_relative']:.1e} of the largest "
        f"(allowed {parity['tolerance']:.0e})",
    )
    return [
        *(element("p", element("strong", f"Warning: {each}", class_="missed")) for each in run["warnings"]),
        element("div", bullets(lines), class_="lead"),
        element("p", same),
        element(
            "p", f"{run['path']} · {digits(run['bytes'] / 2**20)} MiB · {run['precision']}", class_="soft"
        ),
    ]


def _change_words(figure: Run) -> str:
    change = figure["change"]
    by = f"{change['mean_difference']:+.2f}, 95 % interval {_interval(change)}"
    from_to = f"{figure['before']:.1f} → {figure['after']:.1f}"
    return f"{figure['name']}: {from_to} ({by}), {figure['questions']} questions."


def _layers(run: Run) -> Section:
    plan = run["plan"]
    shape, whole = run["shape"], run["original_shape"]
    # a plan numbers the units of the model as it came: the whole one's, unless that was cut already
    known = plan and run["source_shape"] == whole
    picture = layers_figure(run["model"], shape, whole, plan["heads"] if known else None)
    found = table("Heads and feed-forward activations by layer", HEADINGS, layers_rows(shape, whole))
    return Section("layers", "What each layer kept", beside(picture, found))


def _amounts(run: Run) -> Section:
    encoder, (shape, whole) = Encoder.from_dict(run["encoder"]), _shapes(run)
    costs = [multiply_adds(encoder, each, batch=1, seq=SEQ) / 1e9 for each in (whole, shape)]
    weights = [parameters(encoder, each) / 1e6 for each in (whole, shape)]
    pairs: list[tuple[str, float, float]] = [
        ("heads", whole.num_heads, shape.num_heads),
        ("feed-forward activations", whole.intermediate_size, shape.intermediate_size),
        (f"10⁹ multiply-adds at {SEQ} tokens", costs[0], costs[1]),
        ("10⁶ parameters", weights[0], weights[1]),
    ]
    rows = [
        (name, digits(was), digits(now), f"{1 - now / was:.1%}" if was else "") for name, was, now in pairs
    ]
    return Section("amounts", "Amounts", table("What there is of it", ("", "before", "now", "removed"), rows))


def _accuracy(run: Run) -> Section:
    groups = list(_changes(run))
    if not groups:
        words = "Accuracy was not measured; prune-export measures it where it is given questions: --dev FILE."
        return Section("accuracy", "Accuracy", element("p", words))
    words = (
        "As served: by the threshold for “no answer” that is written beside the file, or one fitted the same way on "
        "other questions than those it judges; of both models alike. At the best threshold: on these very questions, "
        "so a little flattered. None refused: every question answered, as it never is in use."
    )
    picture = changes_figure(groups, axis="points more than before", difference="After less before")
    rows = [(title, list(_measures(run[key]))) for key, title in _COMPARED.items() if run[key]]
    found = grouped_table(
        "Measures in percent, changes in points",
        ("measure", "before", "after", "change", "95 % interval", "questions"),
        rows,
    )
    return Section("accuracy", "Accuracy", join([element("p", words), beside(picture, found)]))


_BY_THE_CUT = "The model as it came, and as it became"
_COMPARED = {"accuracy": _BY_THE_CUT, "precision_accuracy": "In fp32, and in the precision of the file"}


def _changes(run: Run) -> Iterator[tuple[str, list[Estimate]]]:
    """For each comparison that was made, the changes of its measures."""
    for key, title in _COMPARED.items():
        if compared := run[key]:
            yield (
                title,
                [
                    change_of(each["name"], change["mean_difference"], change["low"], change["high"])
                    for each in compared["figures"]
                    if (change := each["change"])
                ],
            )


def _measures(compared: Run) -> Iterator[tuple[str, ...]]:
    for each in compared["figures"]:
        change = each["change"]
        yield (
            each["name"],
            f"{each['before']:.2f}",
            f"{each['after']:.2f}",
            f"{change['mean_difference']:+.2f}",
            _interval(change),
            str(each["questions"]),
        )
    floor = f"{compared['floor']['f1']:.2f}"
    yield ("F1 of refusing every question", floor, floor, "", "", "")


def _search(search: Run | None) -> Section | None:
    if not search:
        return None
    rows = [
        (f"{trial['percent']} %", f"{kept['mean']:.1f}", f"{kept['low']:.1f} to {kept['high']:.1f}")
        for trial in sorted(search["trials"], key=lambda trial: int(trial["percent"]))
        if (kept := trial["agreement"])
    ]
    words = (
        "How far the cut model's answers agree with its own before the cut, in mean token F1, on the questions that "
        "the cut was chosen by; not how well either answers."
    )
    headings = ("heads and activations removed", "agreement, %", "95 % interval")
    reason = element("p", f"{search['reason']}") if search["reason"] else None
    found = table("Cuts that were tried", headings, rows) if rows else None
    return Section("search", "Agreement", join([element("p", words), reason, found]))


def _training(training: Run | None) -> Section | None:
    if not training:
        return None
    said = facts(
        (
            ("Steps", str(training["steps"])),
            ("Time", f"{digits(training['seconds'] / 60)} min"),
            ("Weights kept", f"those of step {training['best_step']}"),
        )
    )
    return Section("training", "Training after the cut", said)


def _parity(parity: Run) -> Section:
    said = facts(
        (
            ("Largest difference of a logit", f"{parity['max_absolute']:.1e}"),
            ("Relative to the largest logit", f"{parity['max_relative']:.1e}"),
            ("Allowed", f"{parity['tolerance']:.0e}"),
            ("The file ran on", " and ".join(parity["devices"])),
        )
    )
    return Section(
        "parity", "Parity with PyTorch", join([said, element("h3", "Inputs"), bullets(parity["cases"])])
    )


def _engine(engine: Run | None) -> Section | None:
    if not engine:
        return None
    return Section("engine", "Engine", facts(_flat(engine)))


def _origin(run: Run, typed: str) -> Section:
    known = [("File", str(run["path"])), ("Time", f"{digits(run['seconds'])} s"), *_flat(run["provenance"])]
    return Section("origin", "Where it comes from", join([command(typed), facts(known)]))


def _flat(value: Run, above: Sequence[str] = ()) -> Iterator[tuple[str, str | None]]:
    """Every figure in `value` with the keys that lead to it, as words."""
    for key, each in value.items():
        path = (*above, str(key).replace("_", " "))
        if isinstance(each, Mapping):
            yield from _flat(each, path)
        elif isinstance(each, (list, tuple)):
            yield ", ".join(path), ", ".join(map(str, each)) or "none"
        else:
            yield ", ".join(path), None if each is None else str(each)


def _shapes(run: Run) -> tuple[ModelShape, ModelShape]:
    return ModelShape.from_dict(run["shape"]), ModelShape.from_dict(run["original_shape"])


def _interval(change: Mapping[str, float]) -> str:
    return f"{change['low']:+.2f} to {change['high']:+.2f}"
