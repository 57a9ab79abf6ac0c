"""A page's way to the disk."""

from pathlib import Path

from trellis.errors import InputError
from trellis.files.replace import replace_file


def write_page(path: Path, html: str) -> None:
    """Write `html` to `path`, whole or not at all. Raises InputError where that cannot be done."""
    try:
        with replace_file(path) as staging:
            # a file's name may hold bytes that are no UTF-8, which Python keeps as lone surrogates
            staging.write_bytes(html.encode("utf-8", errors="replace"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
