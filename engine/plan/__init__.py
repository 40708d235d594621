"""`jackfield plan`: what a pipeline would do with events, by the stages that do it, and without doing it."""
