"""The one exception that means: the user can mend this. Commands print it and exit with 2."""


class InputError(ValueError):
    """Says in one sentence or two what came, what was expected, and what to do."""
