"""Measures models: pure functions on arrays and configurations, without a framework."""
