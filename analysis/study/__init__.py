"""A study in which people play the receiver: its page, and the answers that the page saves."""
