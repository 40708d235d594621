"""SQLite files: durable queues (`bindings.localqueue`) and the engine's store, with nothing to install."""
