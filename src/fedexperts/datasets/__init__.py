"""Where data comes from and how it is stored: the Kedro datasets that kedro-datasets lacks."""
