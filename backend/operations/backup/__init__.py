"""Backups: one file of the database and its papers at one point in time, its check, and the way back."""
