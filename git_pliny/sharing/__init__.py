"""Sharing sessions between clones: fetch, merge, push (DESIGN section 8)."""
