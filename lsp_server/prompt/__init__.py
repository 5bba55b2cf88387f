"""The stage that turns a context into the token segments of one model."""
