"""What an operator runs: the supervisor, the embedded services, migration, demonstration data, the tour."""
