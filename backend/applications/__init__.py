"""The shared case: programmes, lifecycle, stages, reviews, notices, event log."""
