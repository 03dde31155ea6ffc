"""The one place that speaks HTTP: a pool of connections, time-outs, retries with a deadline."""
