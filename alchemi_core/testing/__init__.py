"""The conformance kit: what authors of plugins run against their own work. Needs no test runner to be imported."""
