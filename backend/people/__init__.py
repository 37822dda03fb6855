"""Who somebody is, how we know, and who is related to whom."""
