"""What a plan, a session and an event are. Pure: no input or output, no clock, no randomness, no environment."""
