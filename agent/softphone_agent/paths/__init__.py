"""The rules of path checks: a phone that is registered walks the way from each entry PBX to its end (docs/rules.md).

Pure: no I/O, no clock, no chance. `machine` has the table.
"""
