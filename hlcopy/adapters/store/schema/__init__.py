"""The steps of the schema: each takes a file one version further and is never edited once released."""
