"""The page that shows a result, be it fresh or read from a file.

One module for each thing shown; page has the charts, the tables and the document.
"""

from bench.result.result import Result
from trellis.cli.bench.page.accuracy import accuracy_section
from trellis.cli.bench.page.distribution import distribution_section
from trellis.cli.bench.page.latency import latency_section
from trellis.cli.bench.page.layers import layers_section
from trellis.cli.bench.page.lead import lead, limits_section, title
from trellis.cli.bench.page.models import models_section
from trellis.cli.bench.page.names import Compared, name_all
from trellis.cli.bench.page.place import notes_section, place_section
from trellis.cli.bench.page.speed import speed_section
from trellis.cli.bench.page.tradeoff import tradeoff_section
from trellis.html.document import document

__all__ = ["Compared", "result_page"]


def result_page(result: Result) -> str:
    """The whole HTML for a result."""
    compared = name_all(result.comparisons)
    sections = (
        limits_section(result.limits),
        speed_section(compared),
        tradeoff_section(compared),
        accuracy_section(compared),
        layers_section(compared),
        latency_section(compared, result.warnings),
        distribution_section(compared),
        models_section(compared),
        notes_section(result.notes),
        place_section(result),
    )
    return document(title(compared), lead(result, compared), [each for each in sections if each])
