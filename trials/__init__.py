"""Training and testing: options, torchbearer trials, and the files of a run."""
