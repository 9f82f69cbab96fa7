"""The redundancy rules of innovaphone's softphone, without I/O, clock or chance (docs/rules.md).

`machine.step(state, event, now, jitter)` gives the next state and what is to be done; `machine.next_wakeup(state)`
says when to come back with TimePassed if nothing happens before.
"""
