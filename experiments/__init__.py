"""Many runs: sweeps over settings and seeds, and the tables of the papers as sweeps."""
