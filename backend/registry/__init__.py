"""The file of frontline staff."""
