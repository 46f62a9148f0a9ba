"""Comparing fingerprints: which things are paired, how they differ, how tight, what verdict."""
