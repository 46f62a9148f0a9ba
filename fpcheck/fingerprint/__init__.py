"""Measuring models: pure functions on arrays and configurations, no framework."""
