"""`niangjia doctor`: what an operator would look at, one line for each thing, with what to do about it."""
