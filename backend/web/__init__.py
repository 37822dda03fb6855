"""The HTTP edge: problems, tokens, paging, idempotency, limits."""
