"""The stage that chooses what the model sees of the code around the cursor."""
