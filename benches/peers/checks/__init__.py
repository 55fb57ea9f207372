"""Finds what the peers share with the other benches before any check asks for it."""

import common  # noqa: F401, it is imported for that alone
