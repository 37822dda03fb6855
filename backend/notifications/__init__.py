"""Messages to workers: outbox, inbox, channels."""
