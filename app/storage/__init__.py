"""Postgres: everything that is kept."""
