"""The command ``alchemi``: one file per command, shared nouns beside them.

`main`, `commands` and `options` import nothing heavy; a command's own file is imported when it runs.
"""
