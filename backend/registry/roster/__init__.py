"""The roster that a unit brings as Excel: template, reading, dry run, acceptance."""
