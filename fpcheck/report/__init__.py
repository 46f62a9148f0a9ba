"""Rendering: one module a format, all from the same Report."""
