"""Settings, and where each comes from: built-in, user's file, plan, environment, command line; later ones win."""

from git_pliny.config.layers import Resolved, resolve

__all__ = ["Resolved", "resolve"]
