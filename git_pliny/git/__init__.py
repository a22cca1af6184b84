"""The only code that touches dulwich or runs git."""
