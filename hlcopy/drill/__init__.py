"""The real ticks against a venue in this process, on a clock of its own: interleaved, killed, lied to; all from one seed."""
