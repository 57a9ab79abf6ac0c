"""How well the models answer, and what the cut changed."""

from collections.abc import Sequence

from bench.accuracy import Metric
from bench.result.comparison import Comparison
from bench.workload import ROLES
from trellis.cli.bench.page.names import Compared, baseline_of
from trellis.html.blocks import Section, beside, grouped_table, warnings
from trellis.html.changes import change_of, changes_figure
from trellis.html.markup import Markup, element, join

_HEADINGS = ("measure", "baseline", "candidate", "change", "95 % interval", "questions")


def accuracy_section(compared: Sequence[Compared]) -> Section:
    """Every measure of both models, and the changes with their intervals; or that nothing was measured."""
    measured = [each for each in compared if each.found.accuracy and not each.found.of_itself]
    if not measured:
        words = "Accuracy was not measured; bench measures it where it is given questions: --dev FILE."
        return Section("accuracy", "Accuracy", element("p", words))
    rows = [(each.title, [_row(each, metric) for metric in _metrics(each.found)]) for each in measured]
    found = grouped_table("Measures in percent, changes in points", _HEADINGS, rows)
    told = warnings(warning for each in measured for warning in each.warnings_of_accuracy)
    return Section("accuracy", "Accuracy", join([told, beside(_changes(measured), found)]))


def accuracy_headings(compared: Sequence[Compared]) -> tuple[str, str]:
    """Of what stands beside the speed: the first measure, of both models, and its change."""
    names = {metrics[0].name for each in compared if (metrics := _metrics(each.found))}
    first = next(iter(names)) if len(names) == 1 else "accuracy"
    return (f"{first}, %", "change in points, 95 % interval")


def accuracy_cells(comparison: Comparison) -> tuple[str, str]:
    """What stands below `accuracy_headings`."""
    metrics = _metrics(comparison)
    if not metrics:
        return ("not measured", "")
    values, change = metrics[0].values, metrics[0].change
    changed = f"{change.mean_difference:+.1f} ({change.low:+.1f} to {change.high:+.1f})" if change else ""
    return (" → ".join(f"{values[role]:.1f}" if role in values else "none" for role in ROLES), changed)


def questions_asked(compared: Sequence[Compared]) -> str:
    """How many questions that was found with; nothing where none were asked."""
    numbers = {accuracy.questions for each in compared if (accuracy := each.found.accuracy)}
    return f"; {' or '.join(f'{number:,}' for number in sorted(numbers))} questions" if numbers else ""


def _metrics(comparison: Comparison) -> Sequence[Metric]:
    return comparison.accuracy.metrics if comparison.accuracy else ()


def accuracy_sentence(comparison: Comparison) -> str:
    """What stands beside the speed: the first measure of both models and its change, or that there is none."""
    accuracy = comparison.accuracy
    if not accuracy or not accuracy.metrics:
        return "How well it answers was not measured."
    first = accuracy.metrics[0]
    values, change = first.values, first.change
    figures = " → ".join(f"{values[role]:.1f}" for role in ROLES if role in values)
    changed = (
        f" ({change.mean_difference:+.1f}, 95 % interval {change.low:+.1f} to {change.high:+.1f})"
        if change
        else ""
    )
    alone = "" if len(values) == len(ROLES) else ", of the candidate alone"
    return f"{first.name}: {figures}{changed}{alone}, on {accuracy.questions:,} questions."


def _changes(measured: Sequence[Compared]) -> Markup:
    groups = [
        (
            each.title,
            [
                change_of(metric.name, change.mean_difference, change.low, change.high)
                for metric in _metrics(each.found)
                if (change := metric.change)
            ],
        )
        for each in measured
    ]
    baseline = baseline_of(measured)
    return changes_figure(
        groups, axis=f"points more than {baseline}", difference=f"Each model less {baseline}"
    )


def _row(compared: Compared, metric: Metric) -> tuple[str, ...]:
    values, change, accuracy = metric.values, metric.change, compared.found.accuracy
    return (
        metric.name,
        *(f"{values[role]:.2f}" if role in values else "" for role in ROLES),
        f"{change.mean_difference:+.2f}" if change else "",
        f"{change.low:+.2f} to {change.high:+.2f}" if change else "",
        str(metric.questions or (accuracy and accuracy.questions)),
    )
