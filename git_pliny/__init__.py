"""Run plans of agents inside a git repository; keep everything that was done in git itself."""

__version__ = "0.1.0"
