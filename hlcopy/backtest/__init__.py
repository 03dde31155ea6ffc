"""Replaying recorded markets through the real ticks."""
