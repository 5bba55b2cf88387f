"""The stage that turns what the model said into a suggestion or a reason for none."""
