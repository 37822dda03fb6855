"""Papers: upload, check, verdict, looks."""
