"""Papers at rest: a port for an object store and its one adapter for S3."""
