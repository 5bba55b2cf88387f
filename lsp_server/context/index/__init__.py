"""The index of a workspace: found files, their outlines, and a process that keeps both fresh."""
