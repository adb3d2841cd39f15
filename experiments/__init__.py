"""The paper's tables, trained and tested anew."""
