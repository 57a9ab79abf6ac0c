"""An error names parameters; who tells it says what they are called."""

import json
import pickle
from pathlib import Path

import pytest

from trellis.errors import InputError, InstallationError, Parameter

FLAGS = {"prune_heads": "--prune-heads", "precision": "--precision", "distill": "--distill"}


@pytest.mark.parametrize(
    ("parameter", "in_python", "typed"),
    [
        (Parameter("prune_heads"), "prune_heads", "--prune-heads"),
        (Parameter("precision", "int8"), "precision='int8'", "--precision int8"),
        (Parameter("distill", 1), "distill=1", "--distill 1"),
        (Parameter("distill", 20.0), "distill=20", "--distill 20"),
        (Parameter("precision", ("fp32", "int8")), "precision=('fp32', 'int8')", "--precision fp32,int8"),
        (Parameter("elsewhere"), "elsewhere", "elsewhere"),
    ],
)
def test_a_parameter_is_called_as_it_is_given(parameter: Parameter, in_python: str, typed: str) -> None:
    error = InputError("{} is wrong.", parameter)
    assert str(error) == f"{in_python} is wrong."
    assert error.told(FLAGS) == f"{typed} is wrong."


def test_what_is_no_template_keeps_its_braces() -> None:
    assert str(InputError('{"a": {}} is no shape.')) == '{"a": {}} is no shape.'
    assert InputError('{"a": {}} is no shape.').told(FLAGS) == '{"a": {}} is no shape.'


def test_what_a_user_wrote_is_no_template() -> None:
    error = InputError("{} holds {}.", "{0} prune_heads", Parameter("prune_heads"))
    assert error.told(FLAGS) == "{0} prune_heads holds --prune-heads."


def test_an_error_of_another_process_reads_alike() -> None:
    error = pickle.loads(
        pickle.dumps(InstallationError("{} is {!r}; see {}.", Parameter("distill"), "{}", 3))
    )
    assert isinstance(error, InstallationError)
    assert str(error) == "distill is '{}'; see 3."


@pytest.mark.parametrize(
    "error",
    [
        InputError("All of {} is said."),
        InputError("{} is {:g}, in {}.", Parameter("distill"), 2.5, Path("a {} folder")),
        InputError("{} or {}.", Parameter("precision", ("fp32", "int8")), Parameter("elsewhere", None)),
    ],
)
def test_an_error_goes_through_json(error: InputError) -> None:
    again = InputError.from_dict(json.loads(json.dumps(error.to_dict())))
    assert str(again) == str(error)
    assert again.told(FLAGS) == error.told(FLAGS)
