"""Training and testing: options, torchbearer trials, and everything that a run writes."""
