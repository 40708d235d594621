"""Secrets on the engine's own machine: environment variables and a JSON file."""
