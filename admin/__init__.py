"""The console: Piccolo Admin for reference data, the review desk for cases, one login."""
