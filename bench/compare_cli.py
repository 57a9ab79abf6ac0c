"""The command `bench compare`."""

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
