"""The files that `jackfield init` writes."""
