"""`driftgauge demo`: a year of flights, with two faults, watched by a real service."""
