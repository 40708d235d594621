"""Dapr's API for apps: one module a building block, and the protocols that serve them (docs/dapr.md)."""
