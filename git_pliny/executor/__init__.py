"""The coordinator: decides what runs, applies what happened."""
