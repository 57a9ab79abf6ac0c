"""The exceptions that mean: the user can mend this. Commands print them and exit with 2."""


class InputError(ValueError):
    """Says in one sentence or two what came, what was expected, and what to do."""


class InstallationError(InputError):
    """What is wrong is not what was asked for but what is installed; see trellis.cli.doctor for what else may be."""


def first_line(error: BaseException) -> str:
    """What a runtime says is wrong, without the trace that follows it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
