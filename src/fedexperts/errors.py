"""Errors that are told apart everywhere: the user's to mend, and a lack of memory."""

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""What torch says of it, on any device; on some it has no type of its own for it."""


class UserError(Exception):
    """Something in the settings, the data or the stored files is not as it has to be.

    The message says what is wrong, where it was set, and what would be right. The command line shows it
    without a traceback.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)
