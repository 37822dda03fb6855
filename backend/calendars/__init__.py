"""Working days, as far as the calendar covers them."""
