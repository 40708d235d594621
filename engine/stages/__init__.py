"""The stages of a pipeline: its steps and outputs, one file each, all of one shape (`stage.py`)."""
