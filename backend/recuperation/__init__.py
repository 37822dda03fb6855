"""Rest and recuperation (疗休养)."""
