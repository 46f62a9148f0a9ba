"""Comparing fingerprints: pair layers, find differences, apply tolerances, decide the verdict."""
