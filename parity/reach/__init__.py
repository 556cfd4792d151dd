"""How the runner reaches a stack: over the wire, as a process of its own, or in this process."""
