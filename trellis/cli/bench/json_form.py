"""A result as JSON: all of it, raw samples included, on one line. `Result.from_dict` reads it back."""

from bench.result.result import Result
from trellis.cli.bench.outputs import json_text


def result_json(result: Result) -> str:
    """The JSON of `result`; raises InputError where it holds NaN or infinity."""
    return json_text(result.to_dict())
