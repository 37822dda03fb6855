"""The review desk: queues, cases, batches, notices and records, rendered on the server."""
