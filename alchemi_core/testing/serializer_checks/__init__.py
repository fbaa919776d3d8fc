"""The checks of serializers: here, in a process of their own, and with options that nobody wrote."""
