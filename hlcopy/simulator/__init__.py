"""A local market whose traders behave in known ways."""
