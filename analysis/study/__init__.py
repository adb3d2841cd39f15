"""A study in which people play the receiver or the sender: its page, and what the page saves."""
