"""The study of people who play the receiver: its page, and the answers that the page saves."""
