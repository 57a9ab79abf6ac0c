"""Which Espalier this is. Not looked up among the installed: they may hold another package of that name, or not us."""

VERSION = "0.1.0"
