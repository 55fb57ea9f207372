"""Finds what the benches share before any check asks for it."""

import common  # noqa: F401, it is imported for that alone
