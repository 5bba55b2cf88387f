"""Make and judge models for fimbul."""
