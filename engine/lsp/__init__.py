"""A language server: what `jackfield check` and the schemas know, in an editor while one types."""
