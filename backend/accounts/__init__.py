"""Logins of workers and of the console, roles and consents."""
