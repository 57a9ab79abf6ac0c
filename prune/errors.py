"""The exceptions that mean: the user can mend this. Commands print them and exit with 2."""


class InputError(ValueError):
    """Says in one sentence or two what came, what was expected, and what to do."""


class InstallationError(InputError):
    """What is wrong is not what was asked for but what is installed; see export.doctor for what else may be."""
