"""Sessions in git: journal, audit trail, checkpoints, artifacts."""
