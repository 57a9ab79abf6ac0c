"""What `bench` does once it knows what is asked: measure, print, write."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.comparison import compare
from bench.named import file_of
from bench.options import Engines, Limits, OperatingPoints, Questions
from bench.result.notes import oversubscribed
from bench.result.result import Result
from bench.workload import Effort
from export.outputs import parts_of
from trellis.cli.bench.csv_table import csv_text
from trellis.cli.bench.json_form import result_json
from trellis.cli.bench.markdown import markdown_text
from trellis.cli.bench.options import Forms
from trellis.cli.bench.outputs import Outputs
from trellis.cli.bench.page import result_page
from trellis.cli.bench.report import print_report
from trellis.cores import available_cores
from trellis.files.places import data_files
from trellis.progress import shown
from trellis.terminal import Terminal, say


def measured(
    names: Sequence[str],
    against: str | None,
    points: OperatingPoints,
    engines: Engines,
    effort: Effort,
    questions: Questions,
    limits: Limits,
    forms: Forms,
    errors: Terminal,
) -> int:
    """Have the models of these `names` measured, and what was found printed and written; the exit code.

    Raises what `bench.compare` does, and InputError where a form cannot be written to its place.
    """
    outputs = Outputs.of(
        ("--json", forms.json, result_json),
        ("--markdown", forms.markdown, markdown_text),
        ("--csv", forms.csv, csv_text),
        ("--html", forms.html, result_page),
    )
    models = [file_of(name, engines.runtime) for name in names]
    baseline = file_of(against, engines.runtime) if against else None
    outputs.spare(_read(models, baseline, questions, points))
    cores = available_cores()
    if (most := max(engines.threads, default=cores)) > cores:
        say(errors, "bench", oversubscribed(most, cores), 0)
    with shown(errors) as progress:
        result: Result = compare(
            models,
            baseline=baseline,
            points=points,
            engines=engines,
            effort=effort,
            questions=questions,
            limits=limits,
            progress=progress,
            command=shlex.join(["bench", *sys.argv[1:]]),
        )
    print_report(result, Terminal(stderr=outputs.take_stdout))
    outputs.write(result)
    return 0 if all(limit.met for limit in result.limits) else 1


def _read(
    models: Sequence[str], baseline: str | None, questions: Questions, points: OperatingPoints
) -> list[Path]:
    """All files that are read."""
    named = [*models, *([baseline] if baseline else ())]
    data = [source for source in (*questions.dev, points.lengths) if source]
    return [
        *(part for name in named for part in parts_of(name)),
        *(file for source in data for file in data_files(source)),
    ]
