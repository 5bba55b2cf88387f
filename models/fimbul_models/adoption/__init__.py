"""Whether an adapter may be used: what it gains, what it harms, what it gives away."""
