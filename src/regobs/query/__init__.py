"""What `regobs query` does, without the command line: asks a server, says what its answer lacks, and shows it.

`times` reads moments, `ask` checks and sends, `pieces` splits long ranges, `complete` judges answers, `show` writes
tables, CSV and JSON, `explain` and `why` take an expression apart, `named` has the questions of the pack.
"""
