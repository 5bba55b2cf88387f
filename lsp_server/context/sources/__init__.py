"""Where snippets come from: one pure function a source, over what a repository knows."""
