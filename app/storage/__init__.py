"""Postgres: values in, values out; the only importer of SQLAlchemy."""
