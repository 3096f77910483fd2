"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Something in the settings, the data or the stored files is not as it has to be.

    The message says what is wrong, where it was set, and what would be right. The command line shows it
    without a traceback.
    """
