"""Files that are whole and what they were, or not used: on this floor nothing knows what is in them."""
