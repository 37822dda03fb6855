"""What a file really is, whether it is safe to show, and what of it is shown; knows no database and no store."""
