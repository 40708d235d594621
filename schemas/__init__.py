"""JSON Schemas of all definitions, for editors and for the engine; `make schemas` makes them from the models."""
