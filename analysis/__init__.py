"""Looking at what runs have left behind: it only reads, and never trains."""
