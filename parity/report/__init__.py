"""Reports of a run: one value, and a format each for terminals, machines, CI servers, pull requests and browsers."""
