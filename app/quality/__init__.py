"""Data contracts: suites of expectations, checked on exact counts or by Great Expectations in a process of its own."""
