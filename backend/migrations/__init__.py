"""One linear history: each module carries the SQL file of its own name."""
