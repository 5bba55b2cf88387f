"""The models that fimbul knows: what they are, where they come from, which of them are here."""
