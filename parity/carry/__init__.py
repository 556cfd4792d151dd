"""What a recording calls one thing and a stack another, carried over: ids, tokens and cookies, per stack."""
