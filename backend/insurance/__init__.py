"""Mutual aid (互助保障): plans, joining by the worker or by the unit, covers with exact dates, lists."""
