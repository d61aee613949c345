"""Small things that several packages need, each once. Of regobs only `errors` is imported here.

`closest` "did you mean", `table` text tables, `files` files and directories written whole or not at all, `processes`
work on every core, `programs` servers that run beside us and never longer than us.
"""
