"""A walk through the whole API over HTTP, of which the committed recordings are made."""
