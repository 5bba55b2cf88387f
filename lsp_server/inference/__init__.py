"""The stage that runs the model: engines, the worker process, and how they are checked."""
