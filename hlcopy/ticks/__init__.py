"""The use cases: one short function each, `run(desk, now) -> Report`; they neither print nor read the clock."""
