"""What happens between a binding and an app: load, check, run, settle, serve, observe."""
