"""What a name on the hub looks like."""

import re

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def is_hub_id(name: str) -> bool:
    """Whether it is owner/name."""
    return _HUB_ID.fullmatch(name) is not None
