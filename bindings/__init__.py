"""The connectors: one module or folder per outside system. Start at `bindings/contract.py`."""
