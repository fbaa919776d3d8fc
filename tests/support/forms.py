"""Running the Python source that a pipeline was written as."""


def run_source(text, **offered):
    """Run source as a user would; `offered` replaces functions that it imports. Returns its ``pipe``."""
    imports, end, body = text.partition("\n)\n")
    scope = {}
    exec(compile(imports + end, "imports.py", "exec"), scope)  # noqa: S102 - the form under test is Python
    scope.update(offered)
    exec(compile(body, "pipeline.py", "exec"), scope)  # noqa: S102 - as above
    return scope["pipe"]
