"""The mathematics of drift: numbers in, numbers out; no I/O, no clock, no logging."""
