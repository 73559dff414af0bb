"""The rows of the ablations, and what they share; `ablate` runs them."""
