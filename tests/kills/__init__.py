"""Kills `git pliny` at every system call that changes something, and holds what follows against its guarantees.

`python -m kills` in tests/ is the whole of it; CONTRIBUTING.md says how to run it. Linux only: it needs strace and /proc.
"""
