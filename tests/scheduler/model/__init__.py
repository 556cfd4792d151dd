"""A model of the scheduler's lease and claims, small enough that every state of it can be visited. It imports nothing of ours."""
