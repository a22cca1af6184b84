"""Secrets do not reach git, the journal or the terminal: `Masker` replaces them in text, bytes and streams."""

from git_pliny.masking.masker import Masker

__all__ = ["Masker"]
