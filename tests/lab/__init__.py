"""The lab: a real Kubernetes, real SIP PBXes and a real Prometheus on one machine, and nothing left behind.

Everything that runs lives in one sandbox (own process, mount and network namespaces, see `sandbox`), everything
that is kept lives in one cache folder (see `settings`). Command line: `python -m lab --help`.
"""
