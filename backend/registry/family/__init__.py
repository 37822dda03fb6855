"""The family of a registered worker: who was declared, on which paper, from when to when, and who agreed."""
