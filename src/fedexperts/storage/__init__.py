"""Files that are whole and what they were, or not used: nothing here knows what is in them."""
