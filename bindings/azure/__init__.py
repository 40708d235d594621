"""Azure Storage: blobs and queues, through Azure's own asynchronous clients."""
