"""How one attempt of one agent is executed."""
