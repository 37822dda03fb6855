"""The tree of trade unions, their affiliation, and scope."""
