"""Tests in steps: each calls real tools and says what it has seen, is left out or fails."""
