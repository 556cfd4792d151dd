"""The whole migration rehearsed: on a copy of the system, under load, with faults, and a report of what clients saw."""
