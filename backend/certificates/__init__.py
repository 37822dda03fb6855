"""Certificates: issued once for what a programme grants, verified by anybody, printed on demand."""
